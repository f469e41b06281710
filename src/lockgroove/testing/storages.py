"""What a storage promises. Give the class a fixture `storage` that is empty."""

from __future__ import annotations

from lockgroove.storage import BATCH_PREFIX, Storage

_BATCH = f"{BATCH_PREFIX}contract"


class StorageContract:
    """Tests for a storage."""

    def test_what_is_staged_is_invisible_until_published(self, storage: Storage) -> None:
        """A reader sees all of it or nothing."""
        storage.stage(_BATCH, "vault/a/b", [b"one", b"two"])
        assert storage.size("vault/a/b") is None

        storage.decide(_BATCH, ["vault/a"], {"why": "test"})
        storage.publish(_BATCH, ["vault/a"])

        assert b"".join(storage.read("vault/a/b")) == b"onetwo"
        assert storage.size("vault/a/b") == 6

    def test_publishing_again_is_harmless(self, storage: Storage) -> None:
        """A cut run goes on by doing it again."""
        storage.stage(_BATCH, "vault/a", [b"x"])
        storage.decide(_BATCH, ["vault/a"], {})

        storage.publish(_BATCH, ["vault/a"])
        storage.publish(_BATCH, ["vault/a"])

        assert b"".join(storage.read("vault/a")) == b"x"

    def test_a_decided_batch_is_found_again(self, storage: Storage) -> None:
        """What was promised is carried to its end; what was not is thrown away."""
        storage.stage(f"{BATCH_PREFIX}undecided", "vault/u", [b"u"])
        storage.stage(_BATCH, "vault/a", [b"x"])
        storage.decide(_BATCH, ["vault/a"], {"n": 1})

        pending = storage.pending()

        assert [(batch.name, list(batch.paths), batch.event) for batch in pending] == [
            (_BATCH, ["vault/a"], {"n": 1})
        ]

    def test_a_stretch_can_be_read(self, storage: Storage) -> None:
        """By offset and length."""
        storage.append("claims/p", 0, [b"0123456789"])

        assert b"".join(storage.read("claims/p", 3, 4)) == b"3456"

    def test_appending_cuts_what_was_torn(self, storage: Storage) -> None:
        """Bytes behind the offset were never acknowledged."""
        storage.append("claims/p", 0, [b"good", b"torn"])

        storage.append("claims/p", 4, [b"more"])

        assert b"".join(storage.read("claims/p")) == b"goodmore"

    def test_names_are_sorted_and_folders_marked(self, storage: Storage) -> None:
        """What a folder holds, in one order everywhere."""
        for path in ("claims/b", "claims/a", "claims/c/d"):
            storage.append(path, 0, [b"x"])

        assert storage.names("claims") == ["a", "b", "c/"]
        assert storage.names("nothing") == []
