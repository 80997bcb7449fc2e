"""Numbered schema steps, applied once and in order when a service starts."""

import re
import sqlite3
import time
from pathlib import Path

OWN = Path(__file__).parent / "migrations"
_name = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """The database cannot be brought to this code's schema; nothing of the failed step was kept."""


def apply(path: Path, *folders: Path) -> None:
    """Bring the database at ``path`` up to date: the runtime's steps, then those in ``folders``.

    Each step is one transaction. Runs before the service's own connections open.

    Raises:
        MigrationError: a step fails, or the database was written by newer code.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (scope TEXT, n INTEGER, name TEXT, at REAL, PRIMARY KEY (scope, n))"
        )
        for scope, folder in [("runtime", OWN), *((folder.parent.name, folder) for folder in folders)]:
            _apply_scope(connection, scope, folder)
    finally:
        connection.close()


def _apply_scope(connection: sqlite3.Connection, scope: str, folder: Path) -> None:
    steps = {int(match[1]): path for path in sorted(folder.iterdir()) if (match := _name.fullmatch(path.name))}
    done = {n for (n,) in connection.execute("SELECT n FROM migrations WHERE scope = ?", (scope,))}
    if unknown := done - steps.keys():
        raise MigrationError(f"{scope}: the database has step {max(unknown)}, which this code does not know")
    for n, path in steps.items():
        if n in done:
            continue
        # Scope and name come from this package's own folders and match a pattern without quotes.
        mark = f"INSERT INTO migrations VALUES ('{scope}', {n}, '{path.name}', {time.time()});"  # noqa: S608
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{path.read_text()}\n;{mark}\nCOMMIT;")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise MigrationError(f"{scope}: step {path.name} failed: {error}") from error
