"""Logs of any streaming or download service, read into events.

In: files of nginx, Apache or Caddy (combined or JSON lines), with OpenSubsonic calls in them or not; tables
in CSV or Parquet with a mapping. Out: batches of events, and a count of what could not be read, with where
it stands. A name or address does not leave the reader that met it but as a keyed digest.
"""

from lockgroove.guard.logs.mapping import LogMap, read_log_map
from lockgroove.guard.logs.reading import Counts, read_log

__all__ = ["Counts", "LogMap", "read_log", "read_log_map"]
