"""Jobs: how far they are, a row for each target, and how long they are kept."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog import timeline
from catalog.aging import reminder_name
from catalog.documents import JOB
from catalog.domain import job as jobs
from catalog.queries import jobs as lists
from catalog.queries import listing, queries
from contracts.errors import Failure, Problem
from contracts.events.hub import Targets, VersionSought
from contracts.requests import GetJob, GetTimeline, ListJobs, Request
from contracts.views import CopyCounts
from core.catalog_world import (
    ADA,
    EVE,
    MIGRATIONS,
    SETTINGS,
    World,
    available,
    copying,
    failed,
    lost,
    manifest,
    planned,
    refused,
    removed,
    retired,
)
from core.driver import START
from core.lives_world import Lives
from core.pools_world import Pools, seat
from core.readside import stored
from runtime.store import Reader

DAY = 24 * 3600.0


async def ask(reader: Reader, query: Request) -> Any:
    """The reply, which must survive the wire."""
    reply = await queries(SETTINGS)[type(query)](query, reader)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=type(reply)) == reply
    return reply


async def all_of(reader: Reader, query: Any) -> list[Any]:
    """The items of all pages of a list."""
    found: list[Any] = []
    while True:
        page = await ask(reader, query)
        assert not isinstance(page, Problem), page
        found += page.items
        if page.next is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.next)


async def test_i1_a_publish_tells_percent_bytes_and_a_row_for_each_copy(tmp_path: Path) -> None:
    world = World()
    version = world.deployed().version
    size = manifest().size
    pods = ("pod-1", "pod-2", "pod-3")
    job = world.publish(targets=Targets(kind="list", pods=pods)).job
    for pod in pods:
        world.copy(planned(version, pod, wanted=3))
    world.copy(copying(version, "pod-1"))
    world.copy(available(version, "pod-1"))
    world.copy(copying(version, "pod-2"))
    world.copy(failed(version, "pod-3"))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await ask(reader, GetJob(actor=ADA, job=job))
        (listed,) = (await ask(reader, ListJobs(actor=ADA, kind="publish"))).items
    assert (view.state, view.percent, view.bytes, view.total) == ("PROCESSING", 33.3, size, 3 * size)
    rows = [(row.pod, row.replica, row.state, row.bytes, row.total) for row in view.rows]
    assert rows == [
        ("pod-1", 0, "AVAILABLE", size, size),
        ("pod-2", 0, "REPLICATING", 0, size),
        ("pod-3", 0, "FAILED", 0, size),
    ]
    assert [row.failure.code if row.failure else "" for row in view.rows] == ["", "", "io_error"]
    assert (listed.percent, listed.bytes, listed.total, listed.rows) == (33.3, size, 3 * size, ())


async def test_i1_an_import_tells_its_source_pod_and_its_bytes(tmp_path: Path) -> None:
    world = World()
    accepted = world.import_()
    world.started(accepted.version)
    async with stored(world, tmp_path / "one", MIGRATIONS) as reader:
        view = await ask(reader, GetJob(actor=ADA, job=accepted.job))
    assert (view.percent, view.bytes) == (0.0, 0)
    assert [(row.pod, row.state) for row in view.rows] == [("pod-1", "PROCESSING")]
    world.prepared(accepted.version)
    async with stored(world, tmp_path / "two", MIGRATIONS) as reader:
        view = await ask(reader, GetJob(actor=ADA, job=accepted.job))
    size = manifest().size
    assert (view.state, view.percent, view.bytes, view.total) == ("SUCCESS", 100.0, size, size)
    assert [(row.bytes, row.total) for row in view.rows] == [(size, size)]


async def test_i1_an_unpublish_tells_which_copies_are_gone(tmp_path: Path) -> None:
    world = World()
    version = world.published(pods=("pod-1", "pod-2")).version
    job = world.unpublish().job
    world.copy(retired(version, "pod-1"))
    world.copy(retired(version, "pod-2"))
    world.copy(removed(version, "pod-1"))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await ask(reader, GetJob(actor=ADA, job=job))
    assert (view.percent, [(row.pod, row.state) for row in view.rows]) == (
        50.0,
        [("pod-1", "ABSENT"), ("pod-2", "DELETING")],
    )


def test_a_sign_of_life_is_noted_while_a_job_runs_and_changes_nothing_else() -> None:
    world = World()
    job = world.job(world.import_().job)
    later = START + timedelta(minutes=1)
    noted = jobs.heard(job, later, 4096)
    assert (noted.heard, noted.total, noted.updated) == (later, 4096, job.updated)
    assert jobs.heard(noted, later).total == 4096
    ended = jobs.failed(job, Failure(code="x", step="y", text="z"), START, CopyCounts())
    assert jobs.heard(ended, later, 1) is ended


async def test_i1_a_job_goes_with_its_timeline_when_it_is_as_old_as_the_settings_say(tmp_path: Path) -> None:
    world = World()
    old = world.deployed()
    world.pass_time(SETTINGS.job_days * DAY / 2)
    young = world.publish(number=old.number)
    world.pass_time(SETTINGS.job_days * DAY / 2 - 1)
    assert world.get(JOB, old.job) is not None
    world.pass_time(1)
    assert world.get(JOB, old.job) is None
    assert world.get(JOB, young.job) is not None
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert await reader.rows("SELECT count(*) FROM timeline WHERE saga = ?", (old.job,)) == [(0,)]
        assert (await ask(reader, GetTimeline(actor=ADA, job=young.job))).items
        refused(await ask(reader, GetTimeline(actor=ADA, job=old.job)), "job_not_found")
        refused(await ask(reader, GetJob(actor=ADA, job=old.job)), "job_not_found")
    assert world.state(old.version), "the version stays"


def test_i1_a_job_that_still_runs_is_kept_however_old_it_is() -> None:
    world = World()
    accepted = world.import_()
    for name in [name for name in world.reminders if name != reminder_name(accepted.job)]:
        del world.reminders[name]  # as if its deadline had been long
    world.pass_time((SETTINGS.job_days + 5) * DAY)
    assert world.job_state(accepted.job) == "PENDING"
    world.rejected(accepted.version)
    world.pass_time(DAY)
    assert world.get(JOB, accepted.job) is None


def test_i1_jobs_that_nobody_asked_for_go_too_when_they_are_old() -> None:
    lives = Lives()
    lives.published()
    lives.deployed()
    lives.softly()
    lives.delete("1.0.0")
    lives.pass_time(10 * DAY)  # its time is over: it goes for good, in a job of its own
    pools = Pools()
    made, assignment = pools.ready(versions=2)
    pools.move(number=made[1].number)  # its assignment follows, in a job of its own
    pools.synced(assignment)
    for world, kind in ((lives, "delete"), (pools, "assign")):
        assert len([job for job in world.all(JOB).values() if job.kind == kind]) == 2
        world.pass_time((SETTINGS.job_days + 1) * DAY)
        assert not [job for job in world.all(JOB).values() if job.kind == kind]


def steps(world: World, job: str) -> list[str]:
    """What the timeline of a job tells."""
    return [str(row[3]) for statement, row in world.writes if statement == timeline.INSERT and row[0] == job]


def test_i1_who_logs_on_and_off_is_no_step_of_a_job() -> None:
    world = Pools()
    (made,), desks = world.ready(pods=("pod-1",))
    job = world.assignment(desks).job
    before = steps(world, job)
    for user in ("ada", "", "bob"):
        world.pass_time(300)
        world.report(desks, "pod-1", seats=(seat(version=made.version, user=user, last_used=world.now),))
        assert world.pool(desks, "pod-1").last_used == world.now
    seen = steps(world, job)
    assert seen == [*before, "assignment.reported.v1"], "there is a seat"
    world.report(desks, "pod-1", "UPDATING")
    assert len(steps(world, job)) > len(seen)


def test_i1_nothing_is_written_to_the_timeline_of_a_job_that_is_gone() -> None:
    world = Pools()
    (made,), desks = world.ready(pods=("pod-1",))
    jobs_of = {world.assignment(desks).job, world.version(made.version).job, world.version(made.version).import_job}
    world.pass_time((SETTINGS.job_days + 1) * DAY)
    before = {job: steps(world, job) for job in jobs_of}
    world.report(desks, "pod-1", "UPDATING")
    world.copy(lost(made.version, "pod-1"))
    world.say(VersionSought(version=made.version, pod="pod-1"), "replicator")
    assert {job: steps(world, job) for job in jobs_of} == before
    assert world.state(made.version) == "FAILED", "what became of it is told all the same"


def several() -> World:
    """Jobs that differ in what they are listed by."""
    world = World()
    for n in range(6):
        world.now += timedelta(minutes=1)
        accepted = world.import_(f"zoo/image-{n % 2}")
        world.started(accepted.version)
        if n % 3 == 0:
            world.rejected(accepted.version)
        elif n % 3 == 1:
            world.prepared(accepted.version)
            world.now += timedelta(seconds=10)
            world.publish(f"zoo/image-{n % 2}", accepted.number)
    world.import_("other", EVE)
    return world


AT = "2024-01-01T00:03:00Z"
FILTERS = {
    "state": "FAILURE",
    "kind": "publish",
    "image": "",
    "created_after": AT,
    "created_before": AT,
    "updated_after": AT,
    "updated_before": AT,
    "version": "",
    "number": "1.0.0",
    "gallery": "zoo",
    "name": "image-1",
    "actor": "ada",
    "assignment": "",
    "failure": "vm_not_found",
    "retried": "",
}


def told(view: Any, name: str) -> str:
    if name == "failure":
        return "" if view.failure is None else str(view.failure.code)
    return str(getattr(view, name))


async def test_every_filter_and_every_order_of_jobs_finds_what_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FAR", 3)
    assert {name.removesuffix("_after").removesuffix("_before") for name in FILTERS} == set(lists.FIELDS)
    at = START + timedelta(minutes=3)
    async with stored(several(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, ListJobs(actor=ADA))
        assert [one.created for one in every] == sorted((one.created for one in every), reverse=True)
        assert len(every) == 8
        texts = FILTERS | {"image": every[0].image, "version": every[0].version}
        for name, text in texts.items():
            if name.endswith("_after"):
                expected = [one.id for one in every if getattr(one, name[:7]) > at]
            elif name.endswith("_before"):
                expected = [one.id for one in every if getattr(one, name[:7]) < at]
            else:
                expected = [one.id for one in every if told(one, name) == text]
            assert expected, name
            for sort in ("-created", "created", "-updated", "state", "-state", "kind", "image"):
                found = await all_of(reader, ListJobs(actor=ADA, where={name: text}, sort=sort, limit=2))
                assert sorted(one.id for one in found) == sorted(expected), (name, sort)
                values = [getattr(one, sort.removeprefix("-")) for one in found]
                assert values == sorted(values, reverse=sort.startswith("-")), (name, sort)
        assert [one.id for one in await all_of(reader, ListJobs(actor=ADA, image="zoo/image-1", state="SUCCESS"))] == [
            one.id for one in every if one.name == "image-1" and one.state == "SUCCESS"
        ]
        refused(await ask(reader, ListJobs(actor=ADA, image="zoo/none")), "image_not_found")
        refused(await ask(reader, ListJobs(actor=ADA, sort="actor")), "validation_failed")
        refused(await ask(reader, ListJobs(actor=ADA, where={"colour": "red"})), "validation_failed")


async def test_a_cursor_of_another_order_is_refused(tmp_path: Path) -> None:
    async with stored(several(), tmp_path / "db", MIGRATIONS) as reader:
        page = await ask(reader, ListJobs(actor=ADA, sort="state", limit=2))
        assert page.next is not None
        refused(await ask(reader, ListJobs(actor=ADA, sort="created", cursor=page.next)), "bad_request")
