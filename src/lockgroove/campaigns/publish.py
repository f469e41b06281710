"""A dump of the archive: built beside, renamed into dumps/, journalled."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import Any

from lockgroove import durable, keys, tables
from lockgroove.campaigns.refresh import refresh_whole
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.layers import KEYS
from lockgroove.dumps import DumpResult, Publisher, write_dump
from lockgroove.rebuild import DecisionMade, HandMatch, decisions_of, hand_matches
from lockgroove.rebuild.handmatches import MATCHED, is_recording
from lockgroove.report import Report
from lockgroove.storage import failing_as_storage
from lockgroove.vault.volumes import VOLUME_BYTES_MAX


def publish(
    rooms: Rooms, report: Report, volume_bytes_max: int = VOLUME_BYTES_MAX, dry_run: bool = False
) -> tuple[DumpResult, str]:
    """Write the next dump; its result and its folder. A dry run writes it, and takes it away again."""
    with rooms.lock("dumps"):
        generation = refresh_whole(rooms, report)
        folder = f"{rooms.root}/staging/scratch-{os.getpid()}-dump"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        publisher = _publisher(rooms, generation)
        try:
            with failing_as_storage(folder):
                result = write_dump(
                    folder,
                    generation,
                    rooms.storage,
                    rooms.index,
                    rooms.store,
                    publisher,
                    report,
                    volume_bytes_max,
                )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if dry_run:
            shutil.rmtree(folder)
            return result, ""
        return result, _number(rooms, folder, result)


def _number(rooms: Rooms, folder: str, result: DumpResult) -> str:
    dumps = f"{rooms.root}/dumps"
    number = 1 + max((int(name) for name in os.listdir(dumps) if name.isdigit()), default=0)
    target = f"{dumps}/{number:06}"
    durable.rename_new(folder, target)
    durable.sync_file(dumps)
    outcome = {"objects": result.objects, "volumes": result.volumes, "bytes": result.bytes}
    rooms.journal.append(
        "dumped", {"dump": f"{number:06}", "root": result.root, "as_of": result.as_of}, outcome
    )
    return target


def _publisher(rooms: Rooms, generation: generations.Generation) -> Publisher:
    """Who publishes, with the decisions and matches that stand behind what is public, and no other."""
    with tables.connect() as db:
        path = generation.public.replace("'", "''")
        found = db.execute(
            f"""SELECT DISTINCT g.statement, f.source FROM read_parquet('{path}/files.parquet') f
            JOIN read_parquet('{path}/rights.parquet', file_row_number = true) g
                ON g.file_row_number = f.rights_row"""
        ).fetchall()
    public = {*found, *((statement, None) for statement, _ in found)}
    made = decisions_of(rooms.index.notable("rights-decided"))
    decisions = [_published(d) for d in made if (d.statement, d.source) in public]
    key = keys.load_signing(f"{rooms.root}/keys")
    return Publisher(rooms.config.archive_id, rooms.config.name, key, decisions, _matches(rooms, generation))


def _matches(rooms: Rooms, generation: generations.Generation) -> list[dict[str, Any]]:
    """What was said by hand of pairs that are public; the word of others first, in the order that counts."""
    index = KeyIndex(f"{generation.public}/{KEYS}")
    try:
        made = hand_matches(rooms.index.notable(MATCHED))
        return [_published(m) for m in made if all(map(partial(is_recording, index), (m.one, m.other)))]
    finally:
        index.close()


def _published(made: DecisionMade | HandMatch) -> dict[str, Any]:
    return {name: value for name, value in made.__dict__.items() if name != "key"}
