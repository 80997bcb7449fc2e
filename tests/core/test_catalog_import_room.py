"""Quotas are reserved before work starts, and a source pod that falls silent is asked again."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from catalog.documents import GALLERY, JOB, TALLY, gallery_key
from contracts.events.from_pods import SourceInspected
from contracts.events.to_pods import SourceRequested
from contracts.keeping import Quota, Usage
from contracts.requests import CreateGallery
from core.catalog_world import ADA, SETTINGS, World, disk, manifest, refused
from core.driver import Emitted


def inspected(world: World, version: str, size: int, **given: Any) -> list[Emitted]:
    pod = given.pop("pod", "pod-1")
    event = SourceInspected(version=version, attempt=given.pop("attempt", 1), size=size)
    return world.say(event, f"pod:{pod}", saga="pod's own")


def used(world: World, gallery: str = "default") -> Usage:
    found = world.get(GALLERY, gallery_key(ADA.tenant, gallery))
    tally = world.get(TALLY, ADA.tenant)
    assert found is not None
    assert tally is not None
    assert (tally.usage.versions, tally.usage.bytes) == (found.usage.versions, found.usage.bytes)
    return found.usage


def limited(world: World, **quota: Any) -> None:
    world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="default", quota=Quota(**quota)))


SIZE = manifest().size


def test_i3_a_version_is_counted_from_its_acceptance_and_its_bytes_from_the_inspection() -> None:
    world = World()
    accepted = world.import_()
    assert (used(world).versions, used(world).bytes) == (1, 0)
    inspected(world, accepted.version, SIZE + 100)
    assert used(world).bytes == SIZE + 100
    world.prepared(accepted.version)
    assert (used(world).versions, used(world).bytes) == (1, SIZE)
    assert world.version(accepted.version).counted == SIZE


@pytest.mark.parametrize("end", ["rejected", "overdue", "cancelled", "manifest"])
def test_i3_an_import_that_comes_to_nothing_gives_back_what_it_took(end: str) -> None:
    world = World()
    accepted = world.import_()
    inspected(world, accepted.version, SIZE)
    match end:
        case "rejected":
            world.rejected(accepted.version)
        case "overdue":
            world.pass_time(SETTINGS.import_deadline)
        case "cancelled":
            world.cancel_job(accepted.job)
        case "manifest":
            world.prepared(accepted.version, of=manifest(disk(size=0)))
    assert world.state(accepted.version) in ("FAILED", "CANCELLED")
    assert (used(world).versions, used(world).bytes) == (0, 0)
    world.prepared(accepted.version)
    assert (used(world).versions, used(world).bytes) == (0, 0)


def test_i3_one_version_more_than_the_quota_is_refused_at_once_also_while_imports_run() -> None:
    world = World()
    limited(world, versions=2)
    first, _ = world.import_(), world.import_()
    refused(world.import_(), "quota_exceeded")
    world.rejected(first.version)
    world.import_()
    refused(world.import_("another"), "quota_exceeded")


def test_i3_bytes_cannot_overshoot_however_many_imports_run_at_once() -> None:
    world = World()
    limited(world, bytes=2 * SIZE)
    running = [world.import_() for _ in range(3)]
    for accepted in running:
        inspected(world, accepted.version, SIZE)
    assert used(world).bytes == 2 * SIZE
    *good, bad = running
    assert world.state(bad.version) == "FAILED"
    assert world.version(bad.version).failure.code == "quota_exceeded"
    assert world.version(bad.version).failure.hint
    assert world.job(bad.job).failure.code == "quota_exceeded"
    assert world.said(world.emitted)[-2:] == ["version.failed", "source.discarded"]
    for accepted in good:
        world.prepared(accepted.version)
    assert used(world).bytes == 2 * SIZE


def test_i3_a_pod_that_prepares_more_than_it_told_gets_no_more_room_for_it() -> None:
    world = World()
    limited(world, bytes=SIZE)
    accepted = world.import_()
    inspected(world, accepted.version, 1)
    said = world.said(world.prepared(accepted.version, of=manifest(disk(size=SIZE), disk("data", 1, size=1))))
    assert said[:2] == ["version.failed", "source.discarded"]
    assert used(world).bytes == 0


def test_i3_the_room_that_is_left_goes_to_the_pod() -> None:
    world = World()
    limited(world, bytes=5000)
    first = world.import_()
    assert world.events()[-1].room == 5000
    inspected(world, first.version, 3000)
    world.import_()
    assert world.events()[-1].room == 2000


def test_an_inspection_that_overtakes_the_start_is_a_start_and_later_ones_are_signs_of_life() -> None:
    world = World()
    accepted = world.import_()
    assert world.said(inspected(world, accepted.version, SIZE)) == ["version.started"]
    rows = len(world.writes)
    world.now = world.now.replace(minute=1)
    assert inspected(world, accepted.version, SIZE) == []
    assert world.job(accepted.job).heard == world.now
    assert len(world.writes) == rows, "they are no steps of the job"


@pytest.mark.parametrize("given", [{"pod": "pod-2"}, {"attempt": 2}])
def test_an_inspection_by_another_pod_or_of_another_attempt_counts_nothing(given: dict[str, Any]) -> None:
    world = World()
    accepted = world.import_()
    before = dict(world.documents)
    assert inspected(world, accepted.version, SIZE, **given) == []
    assert world.documents == before


def test_an_impossible_size_is_bounded() -> None:
    world = World()
    accepted = world.import_()
    inspected(world, accepted.version, 2**63 - 1)
    assert used(world).bytes < 2**57


def test_i1_a_job_of_which_nothing_is_heard_is_pending_again_and_its_pod_is_asked_once_more() -> None:
    world = World()
    accepted = world.import_(datastore="fast", snapshot=True)
    first = world.events()[-1]
    world.started(accepted.version)
    assert world.job_state(accepted.job) == "PROCESSING"
    (again,) = world.events(world.pass_time(SETTINGS.import_silence))
    assert again == first, "the same attempt: a pod that has it lets it be"
    assert world.job_state(accepted.job) == "PENDING"
    inspected(world, accepted.version, SIZE)
    assert world.job_state(accepted.job) == "PROCESSING"
    world.prepared(accepted.version)
    assert world.job_state(accepted.job) == "SUCCESS"


def test_a_job_that_gives_signs_of_life_is_let_be() -> None:
    world = World()
    accepted = world.import_()
    for _ in range(20):
        inspected(world, accepted.version, SIZE)
        assert world.pass_time(60) == []
    assert len([event for event in world.events() if isinstance(event, SourceRequested)]) == 1


def test_a_silent_pod_is_asked_ever_more_seldom_until_the_deadline() -> None:
    world = World()
    accepted = world.import_()
    world.pass_time(SETTINGS.import_deadline)
    asked = [one for one in world.emitted if isinstance(one.event, SourceRequested)]
    gaps = [(after.at - before.at).total_seconds() for before, after in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert 4 <= len(asked) <= 10
    assert world.version(accepted.version).failure.code == "deadline_exceeded"
    assert world.reminders.get(f"import/{accepted.version}") is None


def test_an_import_that_was_accepted_before_commands_were_kept_only_has_its_deadline() -> None:
    world = World()
    accepted = world.import_()
    job = world.job(accepted.job)
    world.documents[JOB.name, accepted.job] = msgspec.json.encode(msgspec.structs.replace(job, asked=""))
    assert world.pass_time(SETTINGS.import_deadline - 1) == []
    assert world.said(world.pass_time(2))[0] == "version.failed"


def test_c3_a_thousand_imports_at_once_get_a_number_each_and_all_are_counted() -> None:
    world = World()
    numbers = [world.import_().number for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert used(world).versions == 1000
