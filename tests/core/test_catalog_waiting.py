"""Imports that wait for their pod tell where they stand, and images what the next number is (features.md B15)."""

from pathlib import Path
from typing import Any

import msgspec

from catalog.queries import queries
from contracts.manifest import Source
from contracts.requests import GetImage, GetJob, ListImages, ListJobs
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, World
from core.readside import stored
from runtime.store import Reader

ELSEWHERE = Source(pod="pod-2", name="golden")


async def ask(reader: Reader, query: Any) -> Any:
    reply = await queries(SETTINGS)[type(query)](query, reader)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=type(reply)) == reply
    return reply


async def test_b15_an_import_that_waits_tells_its_position_at_its_pod_whoever_is_before_it(tmp_path: Path) -> None:
    world = World()
    begun = world.import_("a")
    theirs = world.import_("a", actor=EVE)
    away = world.import_("a", source=ELSEWHERE)
    second = world.import_("b")
    third = world.import_("c")
    world.started(begun.version)
    done = world.deployed("d")
    positions = {begun.job: None, away.job: 1, second.job: 2, third.job: 3, done.job: None}
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for job, position in positions.items():
            assert (await ask(reader, GetJob(actor=ADA, job=job))).position == position
        listed = (await ask(reader, ListJobs(actor=ADA))).items
        assert {view.id: view.position for view in listed} == positions
        assert (await ask(reader, GetJob(actor=EVE, job=theirs.job))).position == 1


async def test_b15_who_waits_moves_up_when_one_before_it_begins_or_is_given_up(tmp_path: Path) -> None:
    world = World()
    first, second, third = (world.import_(name) for name in ("a", "b", "c"))

    async def place(of: Any, step: str) -> int | None:
        async with stored(world, tmp_path / step, MIGRATIONS) as reader:
            view = await ask(reader, GetJob(actor=ADA, job=of.job))
        assert view.position is None or view.state == "PENDING"
        return view.position

    assert await place(third, "at first") == 3
    world.cancel_job(second.job)
    assert (await place(second, "given up"), await place(third, "moved up")) == (None, 2)
    world.started(first.version)
    assert await place(third, "the next") == 1
    world.started(third.version)
    assert await place(third, "begun") is None


async def test_b15_no_other_job_has_a_position(tmp_path: Path) -> None:
    world = World()
    world.deployed()
    job = world.publish().job
    world.import_()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert (await ask(reader, GetJob(actor=ADA, job=job))).position is None


async def test_an_image_tells_the_number_that_the_next_import_takes(tmp_path: Path) -> None:
    world = World()
    world.register()
    world.deployed("more")
    world.import_("more")
    world.deployed("last", number="2.7.0")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        listed = {view.name: view.next_number for view in (await ask(reader, ListImages(actor=ADA))).items}
        one = await ask(reader, GetImage(actor=ADA, image="more"))
    assert listed == {"base": "1.0.0", "more": "1.2.0", "last": "2.8.0"}
    assert one.next_number == "1.2.0"
    assert world.import_("more").number == one.next_number
