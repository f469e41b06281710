"""Apache Spark, the engine for more tables than one machine holds (`lockgroove[spark]`, and Java 17).

Stored tables are Parquet in the scratch folder, which all machines must see. What Ibis knows of Spark is used
for its SQL alone, so that neither pandas nor Ibis' own Spark backend is needed.
"""

from __future__ import annotations

import glob
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import ibis
import ibis.config
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.engines.protocol import memory_limit, schema_of, sql_of
from lockgroove.errors import UsageError

_LOOPBACK = "127.0.0.1"
_PARTITIONS_PER_CORE = 2


class _Options(ibis.config.Config):  # type: ignore[misc]  # Ibis carries no types
    """What Ibis' compiler for Spark asks for, and its backend, which we do not load, would set."""

    treat_nan_as_null: bool = False


class SparkEngine:
    """One Spark session, of which a process can have one at a time."""

    dialect = "pyspark"

    def __init__(self, session: Any, scratch: str) -> None:
        """Work with a session that this engine stops, in a folder that it removes."""
        self._session = session
        self._scratch = scratch
        self._folders: dict[str, str] = {}
        self._schemas: dict[str, ibis.Schema] = {}  # of stored tables: to ask Spark costs a job
        self._closed = False
        if ibis.options.pyspark is None:
            ibis.options.pyspark = _Options()

    @classmethod
    def opened(cls, url: str, scratch: str, memory_bytes: int | None = None) -> SparkEngine:
        """Connect to a master, or start one in this machine for "spark-local".

        What `spark-defaults.conf` in SPARK_CONF_DIR says stands, but for memory, folders and what keeps
        answers the same. Raises UsageError where Spark is not installed.
        """
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise UsageError(
                "Spark is not installed", url, "Install lockgroove[spark] and Java 17."
            ) from None
        folder = f"{scratch}/spark-{uuid.uuid4().hex}"
        os.makedirs(folder)
        builder: Any = SparkSession.builder.appName("lockgroove")
        builder = builder.master("local[*]" if url == "spark-local" else url)
        for key, value in _settings(url, folder, memory_limit(memory_bytes)).items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        if session.sparkContext.getConf().get("spark.sql.shuffle.partitions") is None:
            partitions = session.sparkContext.defaultParallelism * _PARTITIONS_PER_CORE
            session.conf.set("spark.sql.shuffle.partitions", str(partitions))
        return cls(session, folder)

    def read(self, name: str, paths: Sequence[str]) -> ir.Table:
        """Call Parquet files, or folders of them, by a name."""
        reader = self._session.read.option("recursiveFileLookup", "true")
        self.drop(name)
        reader.parquet(*map(os.path.abspath, paths)).createOrReplaceTempView(name)
        return self.known(name)

    def take(self, name: str, rows: pa.Table) -> ir.Table:
        """Call rows in memory by a name; they go through the scratch folder."""
        folder = self._new_folder(name)
        os.makedirs(folder)
        pq.write_table(rows, f"{folder}/rows.parquet")
        return self._stored(name, folder, schema_of(rows.schema))

    def known(self, name: str) -> ir.Table:
        """A table or view of the session."""
        if name in self._schemas:
            return ibis.table(self._schemas[name], name=name)
        return ibis.table(schema_of(self._session.table(name).limit(0).toArrow().schema), name=name)

    def store(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute once and keep as Parquet."""
        folder = self._new_folder(name)
        self._run(expression).write.parquet(folder)
        return self._stored(name, folder, expression.schema())

    def append(self, name: str, expression: ir.Table) -> ir.Table:
        """Add files to the table's folder."""
        folder = self._folders.get(name) or self._new_folder(name)
        self._run(expression).write.mode("append").parquet(folder)
        return self._stored(name, folder, expression.schema())

    def drop(self, *names: str) -> None:
        """Forget stored tables."""
        for name in names:
            self._session.catalog.dropTempView(name)
            self._schemas.pop(name, None)
            self._remove(self._folders.pop(name, None))

    def batches(self, expression: ir.Table, rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
        """The rows, through the scratch folder, so that they need not fit in memory."""
        folder = self._new_folder("batches")
        self._run(expression).write.parquet(folder)
        schema = expression.schema().to_pyarrow()
        try:
            for path in sorted(glob.glob(f"{folder}/*.parquet")):
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches(rows):
                        yield batch.cast(schema)
        finally:
            self._remove(folder)

    def write(self, path: str, expression: ir.Table) -> None:
        """Write a folder of Parquet files, in place of what is there."""
        self._run(expression).write.mode("overwrite").parquet(os.path.abspath(path))

    def write_parts(self, folder: str, expression: ir.Table, by: str) -> None:
        """Write a folder for each value of a column."""
        self._run(expression).write.partitionBy(by).parquet(os.path.abspath(folder))

    def close(self) -> None:
        """Stop the session and its Java process, and remove the scratch folder."""
        if self._closed:
            return
        self._closed = True
        gateway = self._session.sparkContext._gateway  # stop() leaves the Java process running
        self._session.stop()
        _end(gateway)
        self._remove(self._scratch)

    def sql(self, expression: ir.Table) -> str:
        """The expression as Spark's SQL."""
        return sql_of(expression, self.dialect)

    def _run(self, expression: ir.Table) -> Any:
        return self._session.sql(self.sql(expression))

    def _new_folder(self, name: str) -> str:
        return f"{self._scratch}/{name}-{uuid.uuid4().hex}"

    def _stored(self, name: str, folder: str, schema: ibis.Schema) -> ir.Table:
        self._session.read.parquet(folder).createOrReplaceTempView(name)
        before = self._folders.get(name)
        self._folders[name] = folder
        self._schemas[name] = schema
        if before != folder:
            self._remove(before)
        return self.known(name)

    @staticmethod
    def _remove(folder: str | None) -> None:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _settings(url: str, folder: str, memory_bytes: int) -> dict[str, str]:
    settings = {
        "spark.driver.memory": f"{memory_bytes >> 20}m",
        "spark.local.dir": f"{folder}/local",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    if url == "spark-local" or _LOOPBACK in url:
        settings |= {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}
    return settings


def _end(gateway: Any) -> None:
    """End the Java process that the session was started in, and forget it, so that another can be started."""
    from pyspark import SparkContext

    gateway.shutdown()
    process = getattr(gateway, "proc", None)
    if process is not None:
        process.stdin.close()
        process.wait(timeout=60)
    SparkContext._gateway = None
    SparkContext._jvm = None
