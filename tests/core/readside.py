"""What a driver decided, in a real database of the runtime's own schema: for tests of queries and their plans."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from core.driver import Driver
from runtime import migrations
from runtime.store import Reader


@asynccontextmanager
async def stored(driver: Driver, path: Path, *folders: Path) -> AsyncIterator[Reader]:
    """A reader over a database at ``path`` that holds the driver's documents and read-side rows."""
    migrations.apply(path, *folders)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM documents")
        connection.executemany(
            "INSERT INTO documents VALUES (?, ?, ?)",
            [(kind, id, body.decode()) for (kind, id), body in driver.documents.items()],
        )
        for statement, row in driver.writes:
            connection.execute(statement, row)
    connection.close()
    async with aiosqlite.connect(path) as reading:
        await reading.execute("PRAGMA query_only = ON")
        yield Reader(reading)
