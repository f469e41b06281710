import os
import threading
from pathlib import Path

import pytest

from lockgroove import databases
from lockgroove.errors import FormatUnknown

TABLES = "CREATE TABLE sounds (name TEXT NOT NULL) STRICT;"


def test_many_that_open_a_new_file_at_once_all_come_in(tmp_path: Path) -> None:
    """A switch to the write-ahead log is refused on the spot when two meet; the wait is ours to do."""
    failures: list[BaseException] = []

    def come(path: str, together: threading.Barrier) -> None:
        together.wait()
        try:
            db = databases.private(path, TABLES, 1, "The sounds have")
            db.execute("INSERT INTO sounds VALUES ('a')")
            db.close()
        except BaseException as error:
            failures.append(error)

    for turn in range(40):
        path, together = str(tmp_path / f"{turn}" / "sounds.sqlite"), threading.Barrier(8)
        threads = [threading.Thread(target=come, args=(path, together)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with databases.connect(path) as db:
            assert db.execute("SELECT count(*) FROM sounds").fetchone() == (8,)
        db.close()

    assert failures == []


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "within" / "sounds.sqlite")
    databases.private(path, TABLES, 1, "The sounds have").close()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "within" / "sounds.sqlite")
    databases.private(path, TABLES, 2, "The sounds have").close()
    with pytest.raises(FormatUnknown, match="The sounds have a newer format"):
        databases.private(path, TABLES, 1, "The sounds have")


def test_a_file_that_is_no_database_says_so_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sounds.sqlite"
    path.write_bytes(b"not a database at all, only words" * 100)
    with pytest.raises(databases.sqlite3.DatabaseError, match="not a database"):
        databases.connect(str(path))
