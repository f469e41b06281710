"""Dumps: what may be published, signed, and opened in place.

In: a generation of public tables, the vault, the claims behind them. Out: a folder that any static host can
serve; the same to the byte for the same archive. It reads no private table.
"""

from lockgroove.dumps.manifest import Manifest, load_manifest
from lockgroove.dumps.write import DumpResult, Publisher, write_dump

__all__ = ["DumpResult", "Manifest", "Publisher", "load_manifest", "write_dump"]
