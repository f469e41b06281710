"""The page that tells a stranger what a dump is, and how to verify and unpack it without Lockgroove."""

from __future__ import annotations

from lockgroove.keys import PublicKey

_TEXT = """\
{name}
A dump of an open preservation archive for music, as of {as_of}.

You need no special software. In this folder:

1. Verify that every byte is as it was published:

       sha256sum -c SHA256SUMS

2. Verify who published it, with minisign (Debian, Homebrew and others package it):

       minisign -Vm manifest.json -P {key}

   Compare that key with one you got another way: whoever could change this folder could change this text.

3. Get the music out:

       mkdir music
       for volume in volumes/*.tar; do tar -xf "$volume" -C music; done

   `music` is now an OCFL 1.1 storage root (https://ocfl.io): every folder with a file `0=ocfl_object_1.1`
   is one deposit or a part of it; its files are in `v1/content/`, as they were received; `deposit.json`
   beside them tells where they came from and under which licence; `sha512sum` checks them against
   `inventory.json`.

4. Read the catalogue where it is: `tables/*.parquet` open in DuckDB, pandas, Spark and many others;
   `tables/dictionary.json` says what every column means. For example:

       duckdb -c "SELECT artist, title FROM 'tables/recordings.parquet' ORDER BY listens DESC LIMIT 10"

   `tables/ledger.parquet` has a line for every item that the archive knows of, held or not, and why.
   `volumes.parquet` gives each file's volume, offset and size: one track can be had by a range request.

5. Or make an archive of it that keeps, verifies, repairs and serves:

       lockgroove mirror . MY-ARCHIVE
"""


def text(name: str, as_of: str, key: PublicKey) -> bytes:
    """README.txt for a dump."""
    return _TEXT.format(name=name, as_of=as_of, key=key.text()).encode()
