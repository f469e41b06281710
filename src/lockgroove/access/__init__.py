"""The door for people with a browser and for programs: pages, streaming, a JSON API.

In: an open archive. Out: an ASGI application, and a server that runs it until told to stop. Visitors are
answered from the public tables alone, which were built from nothing else than what may be published; only the
operator's view reads the private ones. It changes no truth.
"""

from lockgroove.access.app import build_app
from lockgroove.access.renewing import renewing
from lockgroove.access.server import run_server

__all__ = ["build_app", "renewing", "run_server"]
