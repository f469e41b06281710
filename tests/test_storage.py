"""What a local folder promises as a storage, also when it is cut, full, or asked for what lies outside."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import worlds
from lockgroove import durable
from lockgroove.errors import StorageFailed, Unavailable
from lockgroove.storage import BATCH_PREFIX, LocalStorage, require_available
from lockgroove.testing import StorageContract

BATCH = f"{BATCH_PREFIX}one"


class TestLocalStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> LocalStorage:
        return LocalStorage(str(tmp_path))


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(str(tmp_path / "home"))


def visible(storage: LocalStorage) -> dict[str, bytes]:
    """Everything outside staging."""
    tree = worlds.tree_below(Path(storage.root), ".")
    return {path: data for path, data in tree.items() if not path.startswith("staging/")}


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=5))
def test_bytes_come_back_however_they_were_cut(tmp_path_factory, pieces) -> None:
    storage = LocalStorage(str(tmp_path_factory.mktemp("storage")))

    storage.stage(BATCH, "vault/a", pieces)
    storage.decide(BATCH, ["vault/a"], {})
    storage.publish(BATCH, ["vault/a"])
    storage.append("claims/b", 0, pieces)

    assert b"".join(storage.read("vault/a")) == b"".join(storage.read("claims/b")) == b"".join(pieces)


def test_nothing_is_visible_before_it_is_published(storage) -> None:
    storage.stage(BATCH, "vault/a/b/c", [b"c"])
    storage.stage(BATCH, "vault/a/d", [b"d"])
    storage.decide(BATCH, ["vault/a"], {})

    before = visible(storage)
    storage.publish(BATCH, ["vault/a"])

    assert before == {}
    assert visible(storage) == {"vault/a/b/c": b"c", "vault/a/d": b"d"}


def test_a_batch_that_was_cut_between_two_renames_is_carried_to_its_end(storage, monkeypatch) -> None:
    for name in "abc":
        storage.stage(BATCH, f"vault/{name}", [name.encode()])
    storage.decide(BATCH, ["vault/a", "vault/b", "vault/c"], {"of": "three"})
    with monkeypatch.context() as patch:
        patch.setattr(durable, "rename_new", failing_at(2, durable.rename_new))
        with pytest.raises(StorageFailed):
            storage.publish(BATCH, ["vault/a", "vault/b", "vault/c"])

    (pending,) = storage.pending()
    storage.publish(pending.name, pending.paths)
    storage.finish(pending.name)

    assert visible(storage) == {"vault/a": b"a", "vault/b": b"b", "vault/c": b"c"}
    assert storage.pending() == []
    assert os.listdir(f"{storage.root}/staging") == []


def failing_at(call: int, function):
    """The function, refusing its `call`th call."""
    calls = iter(range(1, 10**9))

    def wrapped(*args):
        if next(calls) == call:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return function(*args)

    return wrapped


def test_what_was_not_decided_is_thrown_away(storage) -> None:
    storage.stage(f"{BATCH_PREFIX}undecided", "vault/a", [b"a"])
    os.makedirs(f"{storage.root}/staging/scratch-of-another-verb")

    assert storage.pending() == []
    assert os.listdir(f"{storage.root}/staging") == ["scratch-of-another-verb"]


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"paths": []}'])
def test_a_decision_that_cannot_be_read_is_none(storage, torn) -> None:
    storage.stage(BATCH, "event.json", [torn])

    assert storage.pending() == []


def test_looking_at_what_is_decided_throws_nothing_away(storage) -> None:
    """An audit may look while another process stages."""
    storage.stage(f"{BATCH_PREFIX}undecided", "vault/a", [b"a"])
    storage.stage(BATCH, "vault/b", [b"b"])
    storage.decide(BATCH, ["vault/b"], {})

    assert [batch.name for batch in storage.decided()] == [BATCH]
    assert sorted(os.listdir(f"{storage.root}/staging")) == [BATCH, f"{BATCH_PREFIX}undecided"]


def test_publishing_onto_the_same_bytes_leaves_them(storage) -> None:
    """As after staging/ was emptied by hand between the rename and the acknowledgement."""
    for batch in (BATCH, f"{BATCH_PREFIX}two"):
        storage.stage(batch, "vault/a/b", [b"same"])
        storage.decide(batch, ["vault/a"], {})
        storage.publish(batch, ["vault/a"])

    assert visible(storage) == {"vault/a/b": b"same"}


@pytest.mark.parametrize("there", [{"vault/a/b": b"else"}, {"vault/a/c": b"mine"}, {"vault/a": b"mine"}])
def test_publishing_never_replaces_what_differs(storage, there) -> None:
    for path, data in there.items():
        storage.append(path, 0, [data])
    storage.stage(BATCH, "vault/a/b", [b"mine"])
    storage.decide(BATCH, ["vault/a"], {})

    with pytest.raises(StorageFailed, match="Something else lies"):
        storage.publish(BATCH, ["vault/a"])

    assert visible(storage) == there


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/etc/passwd", "a/..", ".."])
@pytest.mark.parametrize(
    "verb", ["size", "read", "names", "stage", "append", "set_aside", "remove", "publish"]
)
def test_a_path_that_climbs_out_is_refused(storage, verb, path) -> None:
    calls = {
        "size": lambda: storage.size(path),
        "read": lambda: list(storage.read(path)),
        "names": lambda: storage.names(path),
        "stage": lambda: storage.stage(BATCH, path, [b"x"]),
        "append": lambda: storage.append(path, 0, [b"x"]),
        "set_aside": lambda: storage.set_aside("a", path),
        "remove": lambda: storage.remove(path),
        "publish": lambda: storage.publish(BATCH, [path]),
    }

    with pytest.raises(ValueError, match="not a path below"):
        calls[verb]()


def test_only_a_plain_file_has_a_size(storage) -> None:
    storage.append("a/file", 0, [b"1234"])
    os.symlink("file", f"{storage.root}/a/link")
    os.symlink("nowhere", f"{storage.root}/a/broken")

    sizes = {name: storage.size(f"a/{name}") for name in ("file", "link", "broken", "", "none", "file/x")}

    assert sizes == {"file": 4, "link": None, "broken": None, "": None, "none": None, "file/x": None}


def test_setting_aside_moves_whatever_lies_there(storage) -> None:
    """A file, a folder or a link in place of a file; and nothing at all is no error."""
    storage.append("vault/a", 0, [b"x"])
    storage.append("vault/folder/b", 0, [b"y"])
    os.symlink("nowhere", f"{storage.root}/vault/link")

    for number, path in enumerate(["vault/a", "vault/folder", "vault/link", "vault/none"]):
        storage.set_aside(path, f"quarantine/{number}")

    assert storage.names("vault") == []
    assert storage.names("quarantine") == ["0", "1/", "2"]


def test_what_fails_in_reading_is_not_told_as_the_targets_failure(storage) -> None:
    def rotten():
        yield b"good"
        raise OSError(errno.EIO, "of the source")

    for call in (lambda: storage.stage(BATCH, "a", rotten()), lambda: storage.append("b", 0, rotten())):
        with pytest.raises(OSError, match="of the source"):
            call()


def test_a_place_that_is_not_there_is_unavailable(storage) -> None:
    with pytest.raises(Unavailable):
        require_available(storage)


def test_a_full_disk_is_told_with_advice_and_loses_nothing_acknowledged(small_disk: Path) -> None:
    """Stage, decide, append: whatever meets the end of a real disk, what was there stays and can go on."""
    storage = LocalStorage(str(small_disk))
    storage.append("claims/p", 0, [b"acknowledged"])
    storage.append("fill", 0, [bytes(1 << 20)])

    for verb in (
        lambda: storage.stage(BATCH, "vault/a", [bytes(1 << 16)] * 64),
        lambda: storage.append("claims/p", 12, [bytes(1 << 16)] * 64),
        lambda: storage.decide(BATCH, [], {"event": "x" * (1 << 21)}),
    ):
        with pytest.raises(StorageFailed) as failed:
            verb()
        assert "Free some space" in failed.value.advice
        assert b"".join(storage.read("claims/p", 0, 12)) == b"acknowledged"

    storage.remove("fill")
    assert storage.pending() == []
    storage.append("claims/p", 12, [b" and more"])
    assert b"".join(storage.read("claims/p")) == b"acknowledged and more"
