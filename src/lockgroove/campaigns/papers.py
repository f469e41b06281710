"""The papers of somebody's dump: claims, listens, decisions and indexes, beside its volumes.

Invariant: `understand` returns only when every record can be read, sorted and judged here, so that nothing
that would break the catalogue ever enters.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from lockgroove.catalogue.claims import LISTEN_SCHEMA, records_of
from lockgroove.catalogue.facts import tables_of
from lockgroove.catalogue.facts.facing import Facing
from lockgroove.catalogue.facts.records import strictly
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.layers import KEYS
from lockgroove.dumps import Manifest
from lockgroove.dumps.write import CLAIMS, DECISIONS, LISTENS, MATCHES, VOLUME_INDEX, VOLUME_SCHEMA
from lockgroove.errors import UsageError, VerificationFailed
from lockgroove.journal import canonical
from lockgroove.rights import apply_decision, combine
from lockgroove.sources.shelfkeys import decode

_RECORDS_AT_ONCE = 2000
_WORDS = ("kind", "source", "key", "stamp", "harvest", "at", "reader")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_ODD = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError, UsageError,
    zstandard.ZstdError, pa.ArrowException,
)  # fmt: skip


def understand(folder: str, manifest: Manifest, where: str) -> frozenset[str]:
    """The sources that the claims speak for. Raises VerificationFailed, naming the paper that is no paper."""
    sources: set[str] = set()

    def claims() -> None:
        sources.update(*(_checked(batch) for batch in record_batches(folder)))

    def decided() -> None:
        for decision in decisions(folder):
            _check_decision(decision)

    def matched() -> None:
        KeyIndex(f"{folder}/tables/{KEYS}").close()  # it says which recordings are in the dump
        for match in matches(folder):
            _check_match(match)

    papers: Mapping[str, Callable[[], None]] = {
        CLAIMS: claims,
        DECISIONS: decided,
        MATCHES: matched,
        LISTENS: lambda: _check_listens(f"{folder}/{LISTENS}"),
        VOLUME_INDEX: lambda: _check_schema(f"{folder}/{VOLUME_INDEX}", VOLUME_SCHEMA),
    }
    for name, check in papers.items():
        if name == MATCHES and not has_matches(manifest):
            continue
        manifest.file(name)
        try:
            check()
        except _ODD as error:
            raise VerificationFailed(
                f"It was signed, and cannot be understood ({error})", f"{where}/{name}", "Tell its publisher."
            ) from None
    return frozenset(sources)


def record_batches(folder: str) -> Iterator[list[dict[str, Any]]]:
    """The records of the claims, as they are, many at a time."""
    batch: list[dict[str, Any]] = []
    with open(f"{folder}/{CLAIMS}", "rb") as file:
        for record in records_of(file):
            batch.append(record)
            if len(batch) >= _RECORDS_AT_ONCE:
                yield batch
                batch = []
    yield batch


def decisions(folder: str) -> Iterator[dict[str, Any]]:
    """The publisher's decisions on rights."""
    with open(f"{folder}/{DECISIONS}", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def has_matches(manifest: Manifest) -> bool:
    """Whether matches by hand came with a dump; older ones tell of none."""
    return any(file.path == MATCHES for file in manifest.files)


def matches(folder: str) -> Iterator[dict[str, Any]]:
    """What the publisher's operators said of pairs of recordings, in the order in which it counts."""
    with open(f"{folder}/{MATCHES}", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def listens_without(folder: str, known: frozenset[str]) -> tuple[bytes, int]:
    """The listens as a part of claims, those left out that sources known here count already; the rows."""
    path = f"{folder}/{LISTENS}"
    table = pq.read_table(path, schema=LISTEN_SCHEMA)
    left = table.filter(pc.invert(pc.is_in(table["source"], pa.array(sorted(known), pa.string()))))
    if left.num_rows == table.num_rows:
        with open(path, "rb") as file:
            return file.read(), table.num_rows
    sink = pa.BufferOutputStream()
    pq.write_table(left, sink, compression="zstd", store_schema=False)
    return sink.getvalue().to_pybytes(), left.num_rows


def sources_of_listens(path: str) -> set[str]:
    """Who counted in a part of listens."""
    return set(pq.read_table(path, columns=["source"])["source"].unique().to_pylist())


def digest_of(data: bytes) -> str:
    """The digest by which a part of claims is known."""
    return hashlib.sha256(data).hexdigest()


def _checked(records: list[dict[str, Any]]) -> set[str]:
    for record in records:
        _check_record(record)
    facing = Facing(0)
    facing.take(strictly(canonical(record)) for record in records)
    for _ in tables_of(facing):
        """Made, and let go: what cannot be made raises."""
    return {record["source"] for record in records}


def _check_record(record: dict[str, Any]) -> None:
    _require(record["v"] == 1 and set(record) == {"v", "body", "says", *_WORDS}, "a record of another kind")
    _require(all(isinstance(record[name], str) for name in _WORDS), "words that are none")
    _require(bool(_TIME.fullmatch(record["at"])), f"{record['at']!r} is no time")
    says = record["says"]
    _require(isinstance(says, dict) and isinstance(record["body"], dict), "a claim that says nothing")
    for statement in says.get("licences", []):
        _require(isinstance(statement["text"], str) and isinstance(statement["where"], str), "a licence")
    if record["kind"] == "file":
        decode(record["key"])
        decode(says["deposit"])
        _require(
            type(says["size_bytes"]) is int and 0 <= says["size_bytes"] < 1 << 63, "a file without a size"
        )
        _require(isinstance(says["role"], str), "a file without a role")
    canonical(record)


def _check_decision(decision: dict[str, Any]) -> None:
    words = [decision[name] for name in ("statement", "licence", "because", "by")]
    _require(all(isinstance(word, str) for word in words), "a decision of another kind")
    _require(decision["source"] is None or isinstance(decision["source"], str), "a decision on no source")
    apply_decision(combine([]), decision["licence"], decision["because"], decision["by"])


def _check_match(match: dict[str, Any]) -> None:
    words = [match[name] for name in ("one", "other", "because", "by")]
    _require(
        all(isinstance(word, str) for word in words) and type(match["same"]) is bool,
        "a match of another kind",
    )


def _check_listens(path: str) -> None:
    _check_schema(path, LISTEN_SCHEMA)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            _require(not any(column.null_count for column in batch.columns), "listens of nobody")
            for name in ("listens", "capped_listens", "listeners"):
                _require(batch.num_rows == 0 or pc.min(batch[name]).as_py() >= 0, "listens below none")


def _check_schema(path: str, schema: pa.Schema) -> None:
    found = pq.read_schema(path)
    _require(found.names == schema.names and found.types == schema.types, "a table with other columns")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
