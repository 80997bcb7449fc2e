"""The directory's lists over a real database: by an index each, and with what earlier databases have."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.directory_world import MIGRATIONS
from runtime import migrations
from sharing.directory.documents import TENANT
from sharing.directory.queries import identity, people, tree
from sharing.queries import audit

OLD_IMAGE = '{"owner": "acme", "ready": true, "members": 0, "deleted": false}'


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "sharing.sqlite"
    migrations.apply(path)
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO documents VALUES ('image', ?, ?)", [("1" * 32, OLD_IMAGE), ("2" * 32, OLD_IMAGE)]
        )
    connection.close()
    migrations.apply(path, MIGRATIONS)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def test_the_tenants_of_an_earlier_database_are_listed(database: sqlite3.Connection) -> None:
    rows = database.execute(tree.TENANTS, ("", 10)).fetchall()
    assert [name for name, _, _ in rows] == ["acme", "default"]
    assert {TENANT.decode(body).account for _, body, _ in rows} == {""}


PLANS = [
    (tree.UNITS, ("", 9)),
    (tree.UNITS_BELOW, ("", "a", "a0", "a", "a/", 9)),
    (tree.ACCOUNTS, ("", 9)),
    (tree.ACCOUNTS_OF, ("corp", "", 9)),
    (tree.TENANTS, ("", 9)),
    (tree.TENANTS_OF, ("trade", "", 9)),
    (people.PERSONS, ("", "a/", "a0", 9)),
    (people.TOKENS, ("a/", "a0", 10, "", "", 9)),
    (identity.KNOWN, ("a/b", "a")),
    (audit.ENTRIES.format(where="tenant = ? AND sequence > ?", way="ASC"), ("a", 1, 9)),
    (audit.ENTRIES.format(where="about = ? AND tenant = ?", way="DESC"), ("a", "b", 9)),
]


@pytest.mark.parametrize(("sql", "given"), PLANS)
def test_no_list_of_the_directory_reads_what_it_does_not_show(
    database: sqlite3.Connection, sql: str, given: tuple[object, ...]
) -> None:
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
    small = ("CONSTANT ROW", "held VIRTUAL", "asked", "ring")
    assert not [step for step in plan if step.startswith("SCAN") and not any(word in step for word in small)], plan
    assert not [step for step in plan if step.endswith("(kind=?)")] or "id > ?" in sql, plan
    if sql != people.TOKENS:  # these sort what is on as many keyrings as a page can need
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan
    for index, marker in (("accounts_by_unit", "$.unit'"), ("tenants_by_account", "$.account' = ?")):
        if marker in sql:
            assert any(index in step for step in plan), plan
