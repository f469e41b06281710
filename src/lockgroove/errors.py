"""Every promise that can be broken, as one tree.

LockgrooveError                     exit 1   something failed
├── UsageError                      exit 2   the request itself cannot be understood
├── NoArchive                       exit 10  there is no archive where one was expected
├── Locked                          exit 11  another process is writing; try again
├── FormatUnknown                   exit 1   written by a newer Lockgroove, or by something else
├── Refused                         exit 5   rights or policy say no
├── DamageFound                     exit 4   bytes are not what they were
│   └── VerificationFailed          exit 4   what was fetched is not what was signed
├── Unavailable                     exit 1   a place, source or mirror does not answer; try again
└── StorageFailed                   exit 1   the disk refused a write; nothing was acknowledged

An error is for a promise broken. Damage met on the way is a finding (`findings.py`) and stops nothing.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import ClassVar


@dataclass
class LockgrooveError(Exception):
    """What went wrong, where, and what to do next. `retry` says whether trying again can help."""

    what: str
    where: str = ""
    advice: str = ""

    exit_code: ClassVar[int] = 1
    retry: ClassVar[bool] = False

    def __str__(self) -> str:
        """One sentence for a person."""
        where = f" ({self.where})" if self.where else ""
        advice = f" {self.advice}" if self.advice else ""
        return f"{self.what}{where}.{advice}"

    @property
    def code(self) -> str:
        """A stable word for programs: the class name."""
        return type(self).__name__


class UsageError(LockgrooveError):
    """The request cannot be understood as it stands."""

    exit_code = 2


class NoArchive(LockgrooveError):
    """There is no archive where one was expected."""

    exit_code = 10


class Locked(LockgrooveError):
    """Another process is writing the same part of the archive."""

    exit_code = 11
    retry = True


class FormatUnknown(LockgrooveError):
    """What is on disk was written by a newer Lockgroove or by something else."""


class Refused(LockgrooveError):
    """Rights or policy do not permit the act."""

    exit_code = 5


class DamageFound(LockgrooveError):
    """Bytes that were acknowledged are not what they were."""

    exit_code = 4


class VerificationFailed(DamageFound):
    """What was fetched differs from what was signed."""


class Unavailable(LockgrooveError):
    """A place, source or mirror does not answer now."""

    retry = True


class StorageFailed(LockgrooveError):
    """The file system refused; what was being written was not acknowledged."""


def storage_failed(error: OSError, where: str) -> StorageFailed:
    """Our error for the system's refusal of a write, with advice where we have some."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "Free some space, then run the same command again." if full else ""
    return StorageFailed(error.strerror or str(error), where, advice)
