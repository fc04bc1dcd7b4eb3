"""One SQLite file in two threads: writes one after the other, reads beside them (WAL). Nobody else opens connections.

An act is a function of a connection and runs as one transaction: all of it or nothing, over one state of the file. What
was written is on disk when the act returns (`synchronous = FULL`). Nothing here knows what the tables mean; each room
declares its own.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Connection = sqlite3.Connection
_LOCK_TIMEOUT_S = 30


class Lane:
    """A thread with its connection. `begin` is how its transactions start."""

    def __init__(self, path: Path, begin: str) -> None:
        self._begin = begin
        self._thread = ThreadPoolExecutor(1, "origin-database")
        self._connection = self._thread.submit(_open, path).result()

    async def run(self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an act without blocking the loop."""
        return await asyncio.wrap_future(self._submit(act, *args, **kwargs))

    def run_now(self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an act for a thread that may wait."""
        return self._submit(act, *args, **kwargs).result()

    def close(self) -> None:
        """Finishes what was begun and closes the connection."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _submit(self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        def transaction() -> T:
            with self._connection as connection:
                connection.execute(self._begin)
                return act(connection, *args, **kwargs)

        return self._thread.submit(transaction)


class Database:
    """The file: a lane that writes and one that reads."""

    def __init__(self, path: Path, tables: Iterable[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writes = Lane(path, "BEGIN IMMEDIATE")
        for statement in tables:
            self.writes.run_now(Connection.execute, statement)
        self.reads = Lane(path, "BEGIN")

    def close(self) -> None:
        """Closes both lanes."""
        self.reads.close()
        self.writes.close()


def _open(path: Path) -> Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_TIMEOUT_S)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection
