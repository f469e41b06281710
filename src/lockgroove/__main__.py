"""`python -m lockgroove`."""

from lockgroove.cli import main

main()
