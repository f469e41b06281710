"""The vault: bytes, kept exactly.

In go drafts of objects (files with names, under one statement); out come OCFL objects that are durable
when the journal says so, the list of what is held, and findings. It does not know what music is.
"""

from lockgroove.vault.audit import audit
from lockgroove.vault.commit import Committer, DraftFile, ObjectDraft
from lockgroove.vault.index import HeldIndex
from lockgroove.vault.places import catch_up, restore
from lockgroove.vault.repair import repair

__all__ = [
    "Committer",
    "DraftFile",
    "HeldIndex",
    "ObjectDraft",
    "audit",
    "catch_up",
    "repair",
    "restore",
]
