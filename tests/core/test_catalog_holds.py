"""Versions that are held until validations of them succeeded (B17), and versions whose data is denied (F6)."""

import sqlite3
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from catalog.documents import VERSION
from catalog.domain import keeping, lives
from catalog.domain.image import Image
from catalog.domain.version import Version
from catalog.queries import queries
from catalog.views import version_view
from contracts.definition import Details
from contracts.events.hub import (
    Targets,
    VersionDeactivated,
    VersionPublishRequested,
    VersionReactivated,
    VersionSought,
)
from contracts.events.to_pods import SourceDiscarded
from contracts.keeping import Retention, Rule
from contracts.requests import (
    Accepted,
    Actor,
    EditImage,
    GetImage,
    GetVersion,
    ListImages,
    Origin,
    SetDataAccess,
)
from contracts.requests.lives import Ring
from contracts.terms import Terms
from contracts.views import AssignmentView, ImageView, MarkerView, VersionView
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, available, copying, manifest, planned, refused
from core.driver import START
from core.lives_world import OPS, Lives
from core.pools_world import ROOT, Pools, asked
from core.readside import stored
from runtime import migrations
from runtime.store import Store

RINGS = (Ring(pods=("pod-1",)), Ring())


class World(Lives, Pools):
    """Versions with all that may become of them, and pools that are made from them."""

    def hold(self, *, hold: bool = True) -> Any:
        changes = {"details": {"hold_until_validated": hold}}
        reply = self.ask(EditImage(id=self.command_id(), actor=ADA, image="base", changes=changes))
        assert isinstance(reply, ImageView), reply
        self.pass_time(0)
        return reply

    def validated(self, status: Any = "Succeeded", number: str = "1.0.0", kind: str = "boot") -> VersionView:
        reply = self.validate(number, kind=kind, status=status)
        assert isinstance(reply, VersionView), reply
        self.pass_time(0)
        return reply

    def allow(
        self, number: str = "1.0.0", image: str = "base", actor: Actor = ADA, *, active: bool = True, **given: Any
    ) -> Any:
        return self.ask(
            SetDataAccess(id=self.command_id(), actor=actor, image=image, number=number, active=active, **given)
        )

    def deny(self, number: str = "1.0.0", **given: Any) -> Any:
        return self.allow(number, active=False, **given)

    def own_image(self, version: str) -> Image:
        found = self.image(self.version(version).image)
        assert found is not None
        return found

    def objection(self, version: str) -> str:
        problem = lives.objection_to_use(self.own_image(version), self.version(version), self.now)
        return "" if problem is None else problem.code


async def latest(world: World, path: Path, pod: str | None = None) -> str:
    """The number that `latest` means, or the code with which there is none; image views tell the same."""
    handlers = queries(SETTINGS)
    async with stored(world, path, MIGRATIONS) as reader:
        asks: list[Any] = [GetVersion(actor=ADA, image="base", number="latest", pod=pod)]
        asks += [GetImage(actor=ADA, image="base"), ListImages(actor=ADA)]
        found, one, listed = [cast(Any, await handlers[type(ask)](ask, reader)) for ask in asks]
        named = ListImages(actor=ADA, where={"latest": one.latest or "9.9.9"})
        met: Any = await handlers[ListImages](named, reader)
    assert listed.items[0].latest == one.latest
    assert [item.id for item in met.items] == ([one.id] if one.latest else [])
    if isinstance(found, VersionView):
        assert pod is not None or one.latest == found.number
        return found.number
    assert pod is not None or one.latest is None
    return str(found.code)


# --- B17: held until validated ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ((), "not_validated"),
        ((("boot", "Unknown"),), "not_validated"),
        ((("boot", "Succeeded"),), ""),
        ((("boot", "Succeeded"), ("scan", "Failed")), "not_validated"),
        ((("boot", "Succeeded"), ("scan", "Failed"), ("scan", "Succeeded")), ""),
        ((("boot", "Succeeded"), ("scan", "Unknown")), ""),
        ((("boot", "Succeeded"), ("boot", "Failed")), "not_validated"),
    ],
)
def test_b17_a_held_version_is_used_only_when_a_validation_succeeded_and_none_failed(
    results: tuple[tuple[str, Any], ...], code: str
) -> None:
    world = World()
    made = world.published()
    world.hold()
    for kind, status in results:
        world.validated(status, kind=kind)
    assert world.objection(made.version) == code
    world.hold(hold=False)
    assert world.objection(made.version) == "", "without the hold failures are warnings"


def test_b17_no_marker_assignment_or_import_takes_what_is_not_validated_and_the_refusal_says_what_failed() -> None:
    world = World()
    world.published()
    world.move()
    world.hold()
    assert refused(world.assign(), "not_validated").data == {"number": "1.0.0", "failed": ""}
    refused(world.assign(number="1.0.0"), "not_validated")
    refused(world.import_(source=None, origin=Origin(image="base", number="1.0.0")), "not_validated")
    second = world.published()
    refused(world.move(number=second.number), "not_validated")
    world.validated("Failed", kind="scan")
    problem = refused(world.assign(), "not_validated")
    assert (problem.status, problem.data["failed"]) == (409, "scan")
    world.validated(kind="scan")
    assert isinstance(world.assign(), AssignmentView)
    world.validated(number=second.number)
    assert isinstance(world.move(number=second.number), MarkerView)
    world.validated("Failed")
    refused(world.roll_back(), "not_validated")


def test_b17_a_held_version_is_published_as_any_other_and_says_that_it_is_held() -> None:
    world = World()
    world.register("base", details=Details(hold_until_validated=True))
    made = world.published()
    assert world.state(made.version) == "AVAILABLE"
    view = version_view(made.version, world.version(made.version), world.own_image(made.version), at=START)
    assert "version 1.0.0 is held until its validations succeeded" in view.warnings
    assert world.validated().warnings == ()


async def test_b17_latest_leaves_out_what_is_not_validated_everywhere(tmp_path: Path) -> None:
    world = World()
    world.published()
    second = world.published(pods=("pod-1", "pod-2"))
    assert await latest(world, tmp_path / "free") == "1.1.0"
    world.hold()
    assert await latest(world, tmp_path / "none") == "no_latest"
    assert await latest(world, tmp_path / "none-on-pod", "pod-1") == "no_latest"
    world.validated()
    assert await latest(world, tmp_path / "first") == "1.0.0"
    assert await latest(world, tmp_path / "first-on-pod", "pod-2") == "1.0.0"
    world.validated(number=second.number)
    assert await latest(world, tmp_path / "second") == "1.1.0"
    assert await latest(world, tmp_path / "second-on-pod", "pod-2") == "1.1.0"
    assert await latest(world, tmp_path / "elsewhere", "pod-3") == "1.0.0"
    world.validated("Failed", number=second.number, kind="scan")
    assert await latest(world, tmp_path / "back") == "1.0.0"


async def test_b17_what_was_validated_before_the_catalog_kept_it_counts(tmp_path: Path) -> None:
    world = World()
    world.published()
    world.hold()
    for status, number in (("Succeeded", "1.0.0"), ("Succeeded", "1.1.0"), ("Unknown", "1.2.0")):
        if number != "1.0.0":
            world.published()
        world.validated(status, number=number)
    world.validated("Failed", number="1.1.0", kind="scan")
    steps, path = tmp_path / "catalog" / "before", tmp_path / "db"
    steps.mkdir(parents=True)
    for name in ("0001_catalog.sql", "0002_publishing.sql", "0003_whole_catalog.sql"):
        (steps / name).write_text((MIGRATIONS / name).read_text())
    migrations.apply(path, steps)
    with sqlite3.connect(path) as connection:
        for (kind, id), body in world.documents.items():
            fields = {name: value for name, value in msgspec.json.decode(body).items() if name != "validated"}
            row = (kind, id, msgspec.json.encode(fields).decode())
            connection.execute("INSERT INTO documents VALUES (?, ?, ?)", row)
    connection.close()
    async with Store.open(path, MIGRATIONS) as store:
        for id, version in world.all(VERSION).items():
            assert await store.reader.get(VERSION, id) == version
        newest = await queries(SETTINGS)[GetVersion](GetVersion(actor=ADA, image="base", number="latest"), store.reader)
    assert isinstance(newest, VersionView)
    assert newest.number == "1.0.0"


def test_b17_pools_that_wait_for_a_validation_go_on_when_it_succeeded() -> None:
    world = World()
    (_, second), desks = world.ready(versions=2)
    world.validated()
    world.validated(number=second.number)
    world.hold()
    world.move(number=second.number, rings=RINGS)
    assert world.pool(desks, "pod-1").wanted == second.version
    world.validated("Failed", number=second.number, kind="scan")
    world.report(desks, "pod-1")
    pool = world.pool(desks, "pod-2")
    assert (pool.wanted, pool.waits, pool.open) == (second.version, "validation", True), "its ring came meanwhile"
    before = len(world.emitted)
    world.pass_time(SETTINGS.pool_interval * 3)
    assert asked(world.emitted[before:]) == [], "what is not validated is put to no new use"
    world.validated(number=second.number, kind="scan")
    assert [(one.pod, one.wanted.version) for one in asked(world.emitted[before:])] == [("pod-2", second.version)]
    assert not world.pool(desks, "pod-2").unvalidated


def test_b17_pools_that_wait_go_on_when_the_image_holds_nothing_back_any_more() -> None:
    world = World()
    (_, second), desks = world.ready(versions=2)
    world.validated(number=second.number)
    world.hold()
    world.move(number=second.number, rings=RINGS)
    world.validated("Failed", number=second.number)
    world.report(desks, "pod-1")
    assert world.pool(desks, "pod-2").waits == "validation"
    before = len(world.emitted)
    world.hold(hold=False)
    assert [one.pod for one in asked(world.emitted[before:])] == ["pod-2"]


def test_b17_what_runs_already_goes_on_and_is_rebuilt() -> None:
    world = World()
    (first,), desks = world.ready()
    world.hold()
    assert world.objection(first.version) == "not_validated"
    assert world.pool(desks, "pod-1").state == "IN_SYNC"
    before = len(world.emitted)
    assert isinstance(world.rebuild(), AssignmentView)
    assert {one.pod for one in asked(world.emitted[before:])} == {"pod-1", "pod-2"}


def test_b17_retention_leaves_the_newest_validated_version_that_latest_means() -> None:
    world = World()
    first, second, third = (world.published() for _ in range(3))
    image = world.own_image(first.version)
    policy = Retention(name="all", action="DELETE", rule=Rule(by="COUNT", value=1), retain_at_least=0)

    def taken() -> list[str]:
        versions: dict[str, Version] = dict(world.all(VERSION))
        return [one.number for one in keeping.victims(policy, image, versions, None, {}, world.now)]

    assert taken() == ["1.0.0", "1.1.0"]
    world.hold()
    world.validated(number=first.number)
    image = world.own_image(first.version)
    assert taken() == ["1.1.0"]
    assert (second.number, third.number) == ("1.1.0", "1.2.0")


# --- F6: denied data --------------------------------------------------------------------------------------------------


def test_f6_a_version_is_deactivated_and_reactivated_and_keeps_its_state_and_its_metadata() -> None:
    world = World()
    made = world.published()
    before = world.version(made.version)
    view = world.deny()
    assert isinstance(view, VersionView)
    assert (view.deactivated, view.state, view.manifest) == (True, "AVAILABLE", before.manifest)
    assert "the data of version 1.0.0 is denied at present" in view.warnings
    event = world.events()[-1]
    assert isinstance(event, VersionDeactivated)
    assert (event.version, event.number, event.revision) == (made.version, "1.0.0", before.revision + 1)
    again = world.allow()
    assert (again.deactivated, again.warnings) == (False, ())
    assert isinstance(world.events()[-1], VersionReactivated)
    after = world.version(made.version)
    assert msgspec.structs.replace(after, revision=before.revision, updated=before.updated) == before


def test_f6_twice_is_once_and_a_revision_that_was_named_must_be_the_present_one() -> None:
    world = World()
    made = world.published()
    revision = world.version(made.version).revision
    refused(world.deny(revision=revision - 1), "revision_mismatch")
    assert world.deny(revision=revision).revision == revision + 1
    said = len(world.emitted)
    assert world.deny().revision == revision + 1
    assert len(world.emitted) == said
    assert world.version(made.version).revision == revision + 1


def test_f6_an_older_copy_of_the_database_says_it_again_for_those_who_know_it_otherwise() -> None:
    world = World()
    made = world.published()
    world.floor = 1_000
    assert world.allow().revision > 1_000
    event = world.events()[-1]
    assert isinstance(event, VersionReactivated)
    assert (event.version, event.revision) == (made.version, world.version(made.version).revision)


def test_f6_only_the_owner_or_an_operator_denies_data_and_only_of_what_is_deployed_and_there() -> None:
    world = World()
    made = world.published()
    refused(world.deny(image=made.image, actor=EVE), "image_not_found")
    refused(world.deny(number="7.0.0"), "version_not_found")
    refused(world.deny(image="base", actor=ROOT), "image_not_found")
    assert world.deny(image=made.image, actor=ROOT).deactivated, "the provider names any image by its id"
    assert world.allow(image=made.image, actor=ROOT).deactivated is False
    world.import_()
    refused(world.deny(number="1.1.0"), "version_not_ready")
    assert world.allow(number="1.1.0").deactivated is False, "it never was"
    world.delete(bypass=True)
    refused(world.deny(), "version_deleted")


def test_f6_only_operators_deny_the_data_of_a_standard_image() -> None:
    world = World()
    registered = world.register("gold", actor=OPS, image_class="standard")
    accepted = world.import_(registered.id, actor=OPS, create=False)
    world.started(accepted.version)
    world.prepared(accepted.version)
    refused(world.deny(image=registered.id), "class_read_only")
    assert world.deny(image=registered.id, actor=OPS).deactivated
    origin = Origin(image=registered.id, number="1.0.0")
    refused(world.import_("copy", actor=EVE, source=None, origin=origin), "data_access_denied")


def test_f6_no_version_is_made_of_it_but_by_an_operator() -> None:
    world = World()
    world.published()
    world.deny()
    origin = Origin(image="base", number="1.0.0")
    problem = refused(world.import_("copy", source=None, origin=origin), "data_access_denied")
    assert (problem.status, problem.data) == (403, {"number": "1.0.0"})
    assert isinstance(world.import_("copy", actor=OPS, source=None, origin=origin), Accepted)
    world.allow()
    assert isinstance(world.import_("more", source=None, origin=origin), Accepted)


def test_f6_an_import_that_waited_until_the_data_was_denied_comes_to_nothing_but_an_operators() -> None:
    world = World()
    made = world.published()
    origin = Origin(image="base", number=made.number)
    waits = world.import_("mine", source=None, origin=origin)
    theirs = world.import_("theirs", source=None, origin=origin, actor=OPS)
    for one in (waits, theirs):
        world.started(one.version)
    world.deny()
    for one in (waits, theirs):
        world.prepared(one.version, of=msgspec.structs.replace(manifest(), source=world.version(one.version).source))
    assert world.state(theirs.version) == "DEPLOYMENT_DONE"
    assert (world.state(waits.version), world.job_state(waits.job)) == ("FAILED", "FAILURE")
    assert world.job(waits.job).failure.code == "data_access_denied"
    assert [event.version for event in world.events() if isinstance(event, SourceDiscarded)] == [waits.version]


def test_f6_it_is_neither_published_nor_republished_nor_retried_and_what_is_there_can_be_removed() -> None:
    world = World()
    made = world.deployed()
    world.deny()
    refused(world.publish(), "data_access_denied")
    refused(world.publish(terms=Terms(mode="shallow")), "data_access_denied")
    refused(world.publish(actor=OPS), "data_access_denied")
    world.allow()
    job = world.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2"))).job
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(made.version, pod, wanted=2))
    world.copy(available(made.version, "pod-1"))
    world.deny()
    assert world.state(made.version) == "REPLICATING", "what is there, and what is on its way, is counted as before"
    world.cancel()
    world.pass_time(SETTINGS.cancel_deadline + 1)
    assert world.state(made.version) == "PARTIALLY_AVAILABLE"
    refused(world.publish(again=True), "data_access_denied")
    refused(world.retry(job), "data_access_denied")
    assert isinstance(world.unpublish(), Accepted)


def test_f6_pools_that_run_stay_and_the_mark_outlives_a_deletion_that_was_taken_back() -> None:
    world = World()
    (first,), desks = world.ready()
    world.deny()
    assert world.objection(first.version) == ""
    assert world.pool(desks, "pod-1").state == "IN_SYNC"
    world.drop()
    for pod in ("pod-1", "pod-2"):
        world.report(desks, pod, "REMOVED")
    world.drop_marker()
    world.softly()
    assert isinstance(world.delete(), VersionView | Accepted)
    assert isinstance(world.restore(), VersionView)
    assert world.version(first.version).life.deactivated


def test_f6_nobody_but_an_operator_begins_to_use_it_and_what_runs_may_be_made_less_of() -> None:
    world = World()
    world.ready(versions=2)
    world.move("canary", number="1.1.0")
    world.deny("1.1.0")
    for reply in (
        world.move(number="1.1.0"),
        world.assign("more", marker="canary"),
        world.assign("more", marker=None, number="1.1.0"),
        Pools.edit(world, marker="canary"),
    ):
        refused(reply, "data_access_denied")
    assert isinstance(world.move(number="1.1.0", actor=OPS), MarkerView)
    refused(Pools.edit(world, seats=50), "data_access_denied")
    assert isinstance(Pools.edit(world, seats=1), AssignmentView)
    assert isinstance(world.roll_back(), MarkerView)
    world.deny("1.0.0")
    world.allow("1.1.0")
    assert isinstance(world.move(number="1.1.0"), MarkerView)
    refused(world.roll_back(), "data_access_denied")


def test_f6_a_replicator_that_seeks_the_version_is_told_that_its_data_is_denied_before_anything_else() -> None:
    world = World()
    made = world.published()
    world.deny()
    revision = world.version(made.version).revision
    said = world.events(world.say(VersionSought(version=made.version, pod="pod-1"), "replicator"))
    assert [type(event) for event in said] == [VersionDeactivated, VersionPublishRequested]
    assert [event.revision for event in said] == [revision, revision]
    world.allow()
    world.pass_time(SETTINGS.sought_interval + 1)
    said = world.events(world.say(VersionSought(version=made.version, pod="pod-1"), "replicator"))
    assert [type(event) for event in said] == [VersionPublishRequested]


def test_f6_a_copy_that_starts_all_the_same_has_the_replicator_told_again() -> None:
    world = World()
    made = world.deployed()
    world.publish(targets=Targets(kind="list", pods=("pod-2",)))
    world.copy(planned(made.version, "pod-2"))
    world.deny()
    said = world.events(world.copy(copying(made.version, "pod-2")))
    assert [type(event) for event in said if not event.words().startswith("job.")] == [VersionDeactivated]
    assert world.version(made.version).revision == said[0].revision, "it is the word that was said before"


def test_f6_a_deactivated_version_is_an_entry_of_the_audit_log() -> None:
    world = World()
    world.published()
    before = len(world.writes)
    world.deny()
    entries = [row for sql, row in world.writes[before:] if "INTO audit" in sql]
    assert len(entries) == 1
    told = " ".join(str(value) for value in entries[0])
    assert "deactivated" in told
    assert "ada" in told
