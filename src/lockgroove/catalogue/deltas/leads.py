"""From what claims say to rows of a whole build: which of its recordings a claim may concern."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from lockgroove.catalogue.build.keying import ISRC_KEY, MUSICBRAINZ, NAME_KEYS, NAME_SCHEME, name_keys
from lockgroove.catalogue.deltas.change import Base
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.keyindex.format import KEY_BYTES, sortable
from lockgroove.catalogue.keyindex.write import key_array
from lockgroove.catalogue.layers import KEYS

_RECORDING = MUSICBRAINZ.format(kind="recording", mbid="lower(mbid)")
# The keys of nodes, by scheme.
_OF_NODES = {
    "R": f"""SELECT recording_id AS key FROM {{nodes}}
        UNION SELECT {_RECORDING} FROM {{nodes}} WHERE mbid IS NOT NULL""",
    "I": f"SELECT {ISRC_KEY} AS key FROM (SELECT unnest(isrcs) AS i FROM {{nodes}})",
}
PAIRS = pa.schema([("key", pa.binary()), ("row", pa.int64())])


class Leads:
    """The key indexes of a whole build, asked for many keys at once."""

    def __init__(self, db: duckdb.DuckDBPyConnection, base: Base) -> None:
        self._db = db
        self._keys = KeyIndex(f"{base.tables}/{KEYS}")
        self._names = KeyIndex(f"{base.state}/{NAME_KEYS}")

    def close(self) -> None:
        """Let go of the files."""
        self._keys.close()
        self._names.close()

    def pairs(self, scheme: str, query: str) -> pa.Table:
        """All (key, row) for the keys in the first column of a query; keys that lead nowhere are left out."""
        (name,) = self._db.sql(f"{query} LIMIT 0").columns[:1]
        distinct = f'SELECT DISTINCT "{name}" AS key FROM ({query}) WHERE "{name}" IS NOT NULL'
        keys = self._db.sql(distinct).to_arrow_table().column(0)
        places, rows = self._keys.pairs_of(scheme, key_array(keys))
        return pa.table([keys.take(pa.array(places)), pa.array(rows.astype(np.int64))], schema=PAIRS)

    def rows_of_nodes(self, nodes: str) -> np.ndarray:
        """The recordings that share an id, an identifier or names with any row of a relation of nodes."""
        found = [self.pairs(scheme, query.format(nodes=nodes)) for scheme, query in _OF_NODES.items()]
        return np.unique(
            np.concatenate([*(pairs.column(1).to_numpy() for pairs in found), self._named(nodes)])
        )

    def _named(self, nodes: str) -> np.ndarray:
        named = self._db.sql(f"SELECT DISTINCT name_key, version_key FROM {nodes}").to_arrow_table()
        keys, has_name = name_keys(named)
        distinct = np.unique(sortable(keys[has_name])).view(np.uint8).reshape(-1, KEY_BYTES)
        return self._names.pairs_of(NAME_SCHEME, distinct)[1].astype(np.int64)
