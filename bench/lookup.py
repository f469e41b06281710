"""The key index at several sizes: written, looked up warm and cold, in bulk, and over HTTP.

    python bench/lookup.py [--records 1000000,10000000,100000000] [--folder DIR]

Records are as a catalogue has them: 37 % recordings, 37 % tracks, 23 % ISRCs (a few countries have most, a
few registrants most of those), 3 % releases, in catalogue order, which is no order for their keys. Cold means
that the file was dropped from the page cache before each look-up. Beside it SQLite, a table without rowid, on
the smallest size. nginx answers over HTTP where it is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import measuring
import numpy as np

from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.keyindex.web import WebRanges
from lockgroove.catalogue.keyindex.write import KeyIndexWriter

STEP = 1 << 20
SHARES = {"R": 0.37, "T": 0.37, "I": 0.23, "E": 0.03}
SAMPLES = 20_000
COLD_SAMPLES = 500


def isrcs(rng: np.random.Generator, count: int) -> np.ndarray:
    """ISRCs as ASCII: country and registrant by weights that fall as 1/rank."""
    countries = np.frombuffer(b"USGBQZDEFRJPBRITESNLCASEAUTCBXUKUY", np.uint8).reshape(-1, 2)
    weights = 1 / np.arange(1, len(countries) + 1)
    keys = np.empty((count, 12), np.uint8)
    keys[:, :2] = countries[rng.choice(len(countries), count, p=weights / weights.sum())]
    registrants = np.minimum(rng.zipf(1.3, count), 36**3 - 1)
    for place in (4, 3, 2):
        digit = (registrants % 36).astype(np.uint8)
        keys[:, place] = np.where(digit < 10, digit + 48, digit + 55)
        registrants //= 36
    number = rng.integers(0, 10_000_000, count)
    for place in range(11, 4, -1):
        keys[:, place] = number % 10 + 48
        number //= 10
    return keys


def batches(records: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(7)
    for scheme, share in SHARES.items():
        left, row = int(records * share), 0
        while left > 0:
            count = min(left, STEP)
            made = isrcs(rng, count) if scheme == "I" else rng.integers(0, 256, (count, 12), np.uint8)
            yield scheme, made, np.arange(row, row + count, dtype=np.uint32)
            left, row = left - count, row + count


def write(folder: str, records: int) -> None:
    """Run in a process of its own, so that its peak memory is its own."""
    rng, kept, seconds, cpu = np.random.default_rng(3), [], 0.0, 0.0
    with KeyIndexWriter(f"{folder}/keys.bin", folder) as writer:
        for scheme, keys, rows in batches(records):
            started, spent = time.perf_counter(), time.process_time()
            writer.add(scheme, keys, rows)
            seconds, cpu = seconds + time.perf_counter() - started, cpu + time.process_time() - spent
            chosen = rng.integers(0, len(rows), max(1, SAMPLES * len(rows) // records))
            kept += [(scheme.encode() + keys[n].tobytes(), rows[n]) for n in chosen]
        started, spent = time.perf_counter(), time.process_time()
        written = writer.close()
        seconds, cpu = seconds + time.perf_counter() - started, cpu + time.process_time() - spent
    assert written <= records
    keys_kept, rows_kept = zip(*kept, strict=True)
    np.savez(f"{folder}/sample.npz", keys=keys_kept, rows=rows_kept, seconds=seconds, cpu=cpu)


def measure_writing(folder: str, records: int) -> list[dict[str, object]]:
    run = measuring.run([sys.executable, __file__, "--write", folder, "--records", str(records)])
    assert run.exit == 0
    data = np.load(f"{folder}/sample.npz")
    size = os.path.getsize(f"{folder}/keys.bin")
    return [
        row("write", records, records / float(data["seconds"]), "records/s"),
        row("write, CPU alone", records, float(data["cpu"]) / records * 1e9, "ns/record"),
        row("write, memory", records, run.peak_bytes / 2**20, "MiB", reach=2048),
        row("size", records, size / records, "B/record"),
    ]


def row(what: str, size: int, value: float, unit: str, **more: object) -> dict[str, object]:
    return {"what": what, "size": size, "value": round(value, 3), "unit": unit, **more}


def percentiles(what: str, size: int, seconds: Sequence[float], reach: float) -> list[dict[str, object]]:
    ordered = sorted(seconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    return [
        row(f"{what}, p50", size, statistics.median(ordered) * 1e3, "ms"),
        row(f"{what}, p99", size, p99 * 1e3, "ms", reach=reach),
    ]


def sample(folder: str) -> list[tuple[str, bytes, int]]:
    data = np.load(f"{folder}/sample.npz")
    raw = [bytes(k).ljust(13, b"\0") for k in data["keys"]]
    found = [(k[:1].decode(), k[1:], int(r)) for k, r in zip(raw, data["rows"], strict=True)]
    np.random.default_rng(1).shuffle(found)  # type: ignore[arg-type]
    return [(str(s), bytes(k), int(r)) for s, k, r in found]


def timed(
    index: KeyIndex, wanted: Sequence[tuple[str, bytes, int]], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    seconds = []
    for scheme, key, number in wanted:
        started = clock()
        rows = index.rows(scheme, key)
        seconds.append(clock() - started)
        assert number in rows
    return seconds


def forget(path: str) -> None:
    """Drop a file from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def measure_reading(folder: str, records: int) -> list[dict[str, object]]:
    path, wanted = f"{folder}/keys.bin", sample(folder)
    index = KeyIndex(path)
    timed(index, wanted)
    found = percentiles("look-up, warm", records, timed(index, wanted), 1)
    found += percentiles("look-up, warm, CPU alone", records, timed(index, wanted, time.thread_time), 1)
    cold, opened = [], []
    for one in wanted[:COLD_SAMPLES]:
        forget(path)
        cold += timed(index, [one])
        forget(path)
        started = time.perf_counter()
        fresh = KeyIndex(path)
        timed(fresh, [one])
        opened.append(time.perf_counter() - started)
        fresh.close()
    index.close()
    found += percentiles("look-up, cold", records, cold, 50)
    return found + percentiles("open and look up, cold", records, opened, 50)


def measure_first_answer(folder: str, records: int) -> list[dict[str, object]]:
    scheme, key, _ = next(one for one in sample(folder) if one[0] == "I")
    code = (
        "import sys; from lockgroove.catalogue.keyindex import KeyIndex;"
        f"assert KeyIndex(sys.argv[1]).rows({scheme!r}, {key!r})"
    )
    runs = []
    for _ in range(9):
        forget(f"{folder}/keys.bin")
        runs.append(measuring.run([sys.executable, "-c", code, f"{folder}/keys.bin"]))
        assert runs[-1].exit == 0
    what = "fresh process to first ISRC, cold file"
    return [
        row(what, records, statistics.median(run.wall_seconds for run in runs), "s", reach=0.5),
        row(
            f"{what}, CPU alone", records, statistics.median(run.cpu_seconds for run in runs), "s", reach=0.5
        ),
    ]


def measure_bulk(folder: str, records: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    scheme, keys, rows = next(iter(batches(records)))
    index = KeyIndex(f"{folder}/keys.bin")
    for count in (len(keys), len(keys) // 16):
        what = f"bulk, {count:,} keys at once"
        started, spent = time.perf_counter(), time.process_time()
        got = index.rows_of(scheme, keys[:count])
        seconds, cpu = time.perf_counter() - started, time.process_time() - spent
        assert (got == rows[:count]).mean() > 0.999
        found.append(row(what, records, count / seconds, "keys/s", reach=1_000_000))
        found.append(row(f"{what}, CPU alone", records, cpu / count * 1e9, "ns/key"))
    index.close()
    return found


NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def measure_web(folder: str, records: int) -> list[dict[str, object]]:
    if NGINX is None:
        return []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "user root;" if os.getuid() == 0 else ""
    with tempfile.TemporaryDirectory() as work:
        Path(work, "nginx.conf").write_text(
            f"daemon off; pid {work}/pid; error_log {work}/error; {user} events {{}}"
            f" http {{ access_log {work}/log; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
        )
        server = subprocess.Popen([NGINX, "-p", work, "-c", f"{work}/nginx.conf"], stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            return _over_http(f"http://127.0.0.1:{port}/keys.bin", sample(folder), records)
        finally:
            server.terminate()
            server.wait()


def _over_http(url: str, wanted: Sequence[tuple[str, bytes, int]], records: int) -> list[dict[str, object]]:
    requests, data, seconds = [], [], []
    for one in wanted[:200]:
        ranges = WebRanges(url)
        started = time.perf_counter()
        index = KeyIndex.over(ranges)
        timed(index, [one])
        seconds.append(time.perf_counter() - started)
        requests.append(ranges.requests)
        data.append(ranges.bytes_read)
        index.close()
    return [
        row("HTTP, first look-up, requests at most", records, max(requests), "requests", reach=3),
        row("HTTP, first look-up, bytes at most", records, max(data), "B", reach=3 * 65536),
        *percentiles("HTTP on loopback, open and look up", records, seconds, 50),
    ]


def measure_sqlite(folder: str, records: int) -> list[dict[str, object]]:
    path = f"{folder}/keys.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute(
        "CREATE TABLE k (scheme TEXT, key BLOB, row INTEGER, PRIMARY KEY (scheme, key, row)) WITHOUT ROWID"
    )
    started = time.perf_counter()
    index = KeyIndex(f"{folder}/keys.bin")
    for scheme, keys, rows in index.records():  # in order, which SQLite likes best
        values = zip(keys, rows.tolist(), strict=True)
        db.executemany("INSERT INTO k VALUES (?, ?, ?)", ((scheme, k.tobytes(), r) for k, r in values))
    db.commit()
    seconds = time.perf_counter() - started
    wanted, taken = sample(folder), []
    for _ in range(2):
        taken = []
        for scheme, key, _ in wanted:
            started = time.perf_counter()
            db.execute("SELECT row FROM k WHERE scheme = ? AND key = ?", (scheme, key)).fetchall()
            taken.append(time.perf_counter() - started)
    db.close()
    index.close()
    size = os.path.getsize(path)
    os.unlink(path)
    return [
        row("SQLite: write, sorted before", records, records / seconds, "records/s"),
        row("SQLite: size", records, size / records, "B/record"),
        *percentiles("SQLite: look-up, warm", records, taken, 1),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", default="1000000,10000000,100000000")
    parser.add_argument("--folder", default=None, help="where the files are made; 33 B per record are needed")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.records.split(",")]
    if chosen.write:
        write(chosen.write, sizes[0])
        return
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            os.chmod(folder, 0o755)  # nginx's worker reads there
            found = [*measure_writing(folder, size), *measure_reading(folder, size)]
            found += [
                *measure_first_answer(folder, size),
                *measure_bulk(folder, size),
                *measure_web(folder, size),
            ]
            if size == min(sizes):
                found += measure_sqlite(folder, size)
            measuring.record("lookup", found)


if __name__ == "__main__":
    main()
