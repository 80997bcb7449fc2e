"""What the replicator measures, held against what there is."""

import asyncio
import random
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.requests import Actor, GetMetrics
from contracts.views import MetricsView
from core.readside import stored
from core.replicating import TENANT, VERSION, House, announcement, corrupted, finalised, plainly, rejected, transferred
from replicator.documents import COPY
from replicator.handlers import Config
from replicator.queries import queries
from runtime import migrations

MIGRATIONS = Path(__file__).parents[2] / "services" / "replicator" / "migrations"
ADMIN = Actor(tenant=TENANT, name="ada", roles=("operator", "owner"))


def measure(house: House, tmp_path: Path) -> MetricsView:
    async def run() -> Any:
        async with stored(house, tmp_path / "replicator.sqlite", MIGRATIONS) as reader:
            return await queries(Config(sign=plainly))[GetMetrics](GetMetrics(actor=ADMIN), reader)

    found = asyncio.run(run())
    assert isinstance(found, MetricsView)
    return found


def test_copies_are_counted_by_state_and_pods_too(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.pod("pod-4", announcement(formats=("vhd",)))
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    house.pod("pod-2", rejected("pod-2"))
    found = measure(house, tmp_path)
    assert found.copies == {"AVAILABLE": 1, "REPLICATING": 1, "RETRY_PENDING": 1, "SKIPPED": 1}
    assert found.pods == {"CONNECTED": 4}
    assert found.lag == 2
    assert found.lag_seconds > 0


def test_nothing_is_behind_when_every_copy_is_there(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, finalised(pod))
    found = measure(house, tmp_path)
    assert (found.lag, found.lag_seconds) == (0, 0.0)


def test_a_copy_that_is_lost_is_behind_again(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, finalised(pod))
    house.pod("pod-2", corrupted("pod-2"))
    assert measure(house, tmp_path).lag == 1


def test_bytes_are_counted_by_the_pod_that_served_them(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish()
    house.pod("pod-2", finalised("pod-2", bytes_from={"pod-1": 900, "pod-3": 300}))
    house.pod("pod-3", finalised("pod-3", bytes_from={"pod-1": 2**62, "nobody": 5}))
    found = measure(house, tmp_path)
    assert found.bytes_network == {"pod-1": 900 + 1500, "pod-3": 300}
    assert found.bytes_reused == 600


def test_a_publish_is_counted_by_the_time_that_it_took(tmp_path: Path) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    assert measure(house, tmp_path).converged[-1] == (None, 0)
    house.pass_time(20.0)
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, announcement())
    house.pod("pod-2", finalised("pod-2"))
    found = measure(house, tmp_path)
    assert dict(found.converged)[15.0] == 0
    assert dict(found.converged)[60.0] == 1
    assert found.converged[-1] == (None, 1)
    assert found.converged_sum == pytest.approx(20.0)


@pytest.mark.parametrize("seed", range(6))
def test_the_sums_are_those_of_the_copies_whatever_happens(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    pods = [f"pod-{number}" for number in range(1, 6)]
    house = House(*pods)
    publication = 0
    for _ in range(80):
        pod, attempt = chance.choice(pods), chance.randint(1, 3)
        match chance.randint(0, 6):
            case 0:
                publication += 1
                house.publish(publication)
            case 1:
                house.pod(pod, transferred(pod, attempt))
            case 2 | 3:
                house.pod(pod, finalised(pod, attempt))
            case 4:
                house.pod(pod, rejected(pod, attempt, retry=chance.random() < 0.7))
            case 5:
                house.pod(pod, corrupted(pod))
            case _:
                house.pass_time(chance.random() * 60)
    found = measure(house, tmp_path)
    counted: dict[str, int] = {}
    for copy in house.all(COPY).values():
        tag = str(copy.__struct_config__.tag)
        counted[tag] = counted.get(tag, 0) + 1
    assert found.copies == dict(sorted(counted.items()))
    with sqlite3.connect(tmp_path / "replicator.sqlite") as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM behind").fetchall()
    connection.close()
    assert rows == found.lag


def test_a_database_of_before_is_counted_once_when_it_is_brought_up_to_date(tmp_path: Path) -> None:
    path, old = tmp_path / "old.sqlite", tmp_path / "replicator" / "migrations"
    old.mkdir(parents=True)
    first = "0001_inventory.sql"
    (old / first).write_text((MIGRATIONS / first).read_text())
    migrations.apply(path, old)
    known = {
        "version": VERSION, "image": "image-1", "replica": 0, "publication": 2, "saga": "s", "attempt": 1,
        "updated": "2024-01-01T00:00:00Z",
    }  # fmt: skip
    documents = [
        ("placement", VERSION, {"tenant": TENANT, "publication": 2}),
        ("copy", f"{VERSION}_pod-1_0", known | {"pod": "pod-1", "state": "REPLICATING"}),
        ("copy", f"{VERSION}_pod-2_0", known | {"pod": "pod-2", "state": "PENDING"}),
        ("copy", f"{VERSION}_pod-3_0", known | {"pod": "pod-3", "state": "SKIPPED", "reason": "x"}),
        ("roster", VERSION, {"pods": ["pod-1", "pod-2"]}),
    ]
    with sqlite3.connect(path) as connection:
        encoded = [(kind, id, msgspec.json.encode(body).decode()) for kind, id, body in documents]
        connection.executemany("INSERT INTO documents VALUES (?, ?, ?)", encoded)
    connection.close()
    migrations.apply(path, MIGRATIONS)
    with sqlite3.connect(path) as connection:
        found = {(kind, id): body for kind, id, body in connection.execute("SELECT kind, id, body FROM documents")}
        tally = dict(connection.execute("SELECT state, copies FROM tally"))
        [(behind,)] = connection.execute("SELECT count(*) FROM behind")
    connection.close()
    assert (tally, behind) == ({"PENDING": 1, "REPLICATING": 1, "SKIPPED": 1}, 2)
    roster = msgspec.json.decode(found["roster", VERSION])
    assert roster == {"wanted": {"pod-1": [0], "pod-2": [0]}, "known": {"pod-1": 1, "pod-2": 1}}
    queues = {pod: msgspec.json.decode(body) for (kind, pod), body in found.items() if kind == "queue"}
    assert {pod: [entry[5] for entry in queue["copies"].values()] for pod, queue in queues.items()} == {
        "pod-1": ["running"],
        "pod-2": ["queued"],
    }
