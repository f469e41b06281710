"""`lockgroove serve`."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from lockgroove.cli.door import Door, verb

if TYPE_CHECKING:
    from lockgroove.archive import Archive
    from lockgroove.guard.live import Guard


@verb
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option("--operator", is_flag=True, help="Show private items too; on this machine alone.")
@click.option(
    "--no-keeper", is_flag=True, help="Another front end keeps the guard's events and cases (guard.shared)."
)
def command(door: Door, host: str, port: int, operator: bool, no_keeper: bool) -> None:
    """Show the archive in a browser, with a player and a JSON API.

    Visitors see what may be published, and hear what may be streamed; whoever asks with a key is that account
    (`lockgroove account`). Ctrl-C ends it.

    Exit codes: 0 ended; 1 the port is in use; 5 --operator on an address that others can reach.
    """
    from lockgroove.access.server import free_address, leave, require_loopback, run_server

    address, port = free_address(host, port)
    if operator:
        require_loopback(address)
    with (
        door.open() as archive,
        archive.people() as people,
        archive.desk() as desk,
        _guard(archive, operator, not no_keeper) as guard,
    ):
        from lockgroove.access import build_app, renewing

        app = build_app(archive, operator, people, guard, desk)
        page = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        text = f"{archive.config.name} is at {page}  (Ctrl-C ends)"
        with renewing(archive.root):
            run_server(app, address, port, lambda: door.item({"address": page, "operator": operator}, text))
    door.close(0)
    leave()


def _guard(archive: Archive, operator: bool, keeper: bool) -> AbstractContextManager[Guard | None]:
    """Who comes in is watched; the operator's view on this machine is not."""
    return contextlib.nullcontext() if operator else archive.guard(keeper)
