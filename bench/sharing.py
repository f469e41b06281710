"""What it costs several front ends to share the guard's state, on a server of our own on the loopback.

Usage: python sharing.py. Figures go to results/sharing.json. Where the machine is busy, the server may fail
to answer within 50 ms: how often it did is told.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import measuring
import numpy as np
import valkey

from lockgroove.guard.digests import Digests
from lockgroove.guard.events import empty
from lockgroove.guard.gate import Caller, Gate
from lockgroove.guard.memory import Memory
from lockgroove.guard.quotas import Counted, Quota, Quotas
from lockgroove.guard.seen import Seen
from lockgroove.guard.settings import read_settings
from lockgroove.guard.sharing import opened
from lockgroove.guard.sharing.owed import SharedQuotas
from lockgroove.guard.sharing.pairs import SharedPairs
from lockgroove.guard.sharing.server import Away, Server
from lockgroove.guard.sharing.stream import Inbox, Outbox

_ASKS = 20_000
_PAIRS = 1_000_000
_MIX = 0x9E3779B97F4A7C15


@contextlib.contextmanager
def running() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server that keeps nothing on the disk."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = shutil.which("valkey-server") or shutil.which("redis-server") or "valkey-server"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield port, process
    finally:
        process.kill()
        process.wait()


def look(server: Server | None) -> None:
    """As the turn does, see whether the server is back."""
    with contextlib.suppress(Away):
        if server is not None:
            server.patiently(lambda client: client.ping())


def asking(gate: Gate, count: int, start: int, server: Server | None = None) -> np.ndarray:
    """How long each ask for a new track took, in microseconds."""
    took = np.empty(count)
    for at in range(count):
        if at % 500 == 499:
            look(server)
        number = start + at
        caller = Caller(number % 1000 * _MIX % 2**63 | 1, number % 1000 + 1)
        began = time.perf_counter()
        assert gate.sound(caller, number + 1, 4_000_000, time.time()) is None
        took[at] = (time.perf_counter() - began) * 1e6
    return took


def told(took: np.ndarray) -> dict[str, float]:
    """The middle, the slow end and the slowest."""
    return {
        "p50_us": round(float(np.percentile(took, 50)), 1),
        "p99_us": round(float(np.percentile(took, 99)), 1),
        "longest_us": round(float(took.max()), 1),
    }


def latency(end: str) -> list[dict[str, Any]]:
    """Asks with the server there, then with it killed or hanging in the middle of further ones."""
    with running() as (port, process), tempfile.TemporaryDirectory() as folder:
        settings = read_settings({"shared": f"redis://127.0.0.1:{port}/0"}, 1_000_000)
        memory = Memory(folder, 1 << 22, np.zeros(256, np.int64))
        shared = opened(settings, Digests(b"k" * 32), memory)
        assert shared is not None
        alone = Gate(Quotas(), settings.quotas, memory.watch.seen)
        gate = Gate(shared.quotas, settings.quotas, shared.met)
        for warm in (alone, gate):
            asking(warm, 1000, 0)
        rows = [{"what": "ask, counted here alone", **told(asking(alone, _ASKS, 300_000))}]
        shared.server.failures = 0
        here = asking(gate, _ASKS, 1000, shared.server)
        rows.append({"what": "ask, shared", **told(here), "not answered in time": shared.server.failures})
        before = asking(gate, _ASKS // 2, 100_000, shared.server)
        process.send_signal(signal.SIGKILL if end == "killed" else signal.SIGSTOP)
        after = asking(gate, _ASKS // 2, 200_000, shared.server)
        rows.append({"what": f"ask, server {end} in the middle", **told(np.concatenate([before, after]))})
        rows.append({"what": f"ask, after the server was {end}", **told(after)})
        shared.server.close()
        return rows


def used(client: Any) -> int:
    """What the server's data takes, in bytes."""
    return int(client.info("memory")["used_memory"])


def pairs(client: Any, server: Server, size_bytes: int) -> dict[str, Any]:
    """A million pairs of 20,000 accounts: what they take, and how many new ones pass for known."""
    before = used(client)
    shared = SharedPairs(server, f"pairs{size_bytes}", Seen(size_bytes))
    accounts = np.arange(_PAIRS, dtype=np.uint64) % np.uint64(20_000) * np.uint64(_MIX)
    tracks = np.arange(1, _PAIRS + 1, dtype=np.uint64) * np.uint64(_MIX)
    began = time.perf_counter()
    for start in range(0, _PAIRS, 100_000):
        shared.later(accounts[start : start + 100_000], tracks[start : start + 100_000])
        shared.flush()
    took_s = time.perf_counter() - began
    new = [int(n) for n in np.arange(2 * _PAIRS, 2 * _PAIRS + 20_000, dtype=np.uint64) * np.uint64(_MIX)]
    wrong = sum(sum(shared.asked(7, new[at : at + 100])) for at in range(0, len(new), 100))
    known = sum(
        shared.asked(int(a), [int(t)])[0] for a, t in zip(accounts[-1000:], tracks[-1000:], strict=True)
    )
    return {
        "size_bytes": size_bytes, "memory_bytes": used(client) - before,
        "pairs_a_second": round(_PAIRS / took_s),
        "false": wrong / len(new), "known_of_the_last_1000": known,
    }  # fmt: skip


def sets(client: Any) -> dict[str, Any]:
    """The same pairs as a set for each account."""
    before = used(client)
    for account in range(20_000):
        client.sadd(f"set:{account}", *[(n * _MIX) % 2**63 for n in range(account * 50, account * 50 + 50)])
    return {"memory_bytes": used(client) - before}


def subjects(client: Any, server: Server) -> dict[str, Any]:
    """What 100,000 accounts take that owe of two quotas."""
    before, quotas = used(client), SharedQuotas(server, Quotas())
    limits = {Counted.BYTES: Quota(1e11, 86_400), Counted.FRESH: Quota(1000, 86_400)}
    began = time.perf_counter()
    for number in range(1, 100_001):
        if number % 500 == 0:
            look(server)
        quotas.take([(number * _MIX % 2**63, limits)], {Counted.BYTES: 4e6, Counted.FRESH: 1}, time.time())
    return {
        "memory_bytes_each": (used(client) - before) / 100_000,
        "asks_a_second": round(100_000 / (time.perf_counter() - began)),
    }  # fmt: skip


def events(server: Server) -> dict[str, Any]:
    """Events through the stream, read and acknowledged; without what the keeper does with them."""
    outbox, inbox, count = Outbox(server), Inbox(server, 1), 200_000
    outbox.put(empty(count))
    assert inbox.keeps()
    began = time.perf_counter()
    outbox.send()
    sent_s = time.perf_counter() - began
    read = 0
    while read < count:
        rows, entries = inbox.read()
        inbox.done(entries)
        read += len(rows)
    return {
        "sent_a_second": round(count / sent_s),
        "read_a_second": round(count / (time.perf_counter() - began - sent_s)),
    }


def main() -> None:
    rows = latency("killed") + latency("stopped")
    with running() as (port, _):
        client, server = valkey.Valkey(port=port), Server(f"redis://127.0.0.1:{port}/0", "bench")
        rows.append({"what": "quotas of 100,000 accounts", **subjects(client, server)})
        client.flushall()
        rows.append({"what": "events through the stream", **events(server)})
        client.flushall()
        rows += [{"what": "a million pairs", **pairs(client, server, size)} for size in (2_500_032, 64 << 20)]
        rows.append({"what": "a million pairs as a set for each of 20,000 accounts", **sets(client)})
        version = client.info("server")["redis_version"]
    measuring.record("sharing", [{**row, "server": version} for row in rows])


if __name__ == "__main__":
    main()
