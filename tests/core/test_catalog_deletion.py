"""Deleting versions and images: what forbids it, the two stages, restore, and what is left in the end."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.documents import IMAGE, IMAGE_NAME, NUMBER, ROSTER, name_key, number_key
from catalog.domain import lives
from contracts.errors import Problem
from contracts.events.hub import (
    PodConnected,
    PodDisconnected,
    PodRemoved,
    VersionSought,
    VersionUnpublishRequested,
)
from contracts.events.to_pods import SourceDiscarded
from contracts.requests import Accepted, DeleteVersion, Done
from contracts.terms import Terms
from core.catalog_world import (
    ADA,
    EVE,
    SETTINGS,
    available,
    cancelled,
    failed,
    planned,
    refused,
    removed,
    retired,
)
from core.driver import START
from core.lives_world import DAY, OPS, Lives
from core.pools_world import Pools

PODS = ("pod-1", "pod-2", "pod-3")


def published() -> tuple[Lives, str, str]:
    """A world with version 1.0.0 of ``base``, AVAILABLE on all pods; the ids of image and version."""
    world = Lives()
    accepted = world.published()
    return world, accepted.image, accepted.version


def without_copies(world: Lives, version: str, *, revision: int = 4) -> None:
    """The replicator removes every copy."""
    for pod in PODS:
        world.copy(retired(version, pod, revision=revision))
        world.copy(removed(version, pod, revision=revision + 1))


def gone(world: Lives, version: str) -> bool:
    world.pass_time(0)
    return world.stage(version) == "DELETED"


def test_f10_a_deleted_version_loses_its_copies_then_its_source_and_its_number_stays_taken() -> None:
    world, image, version = published()
    world.deployed()
    usage = world.gallery().usage
    reply = world.delete()
    assert isinstance(reply, Accepted)
    assert (world.stage(version), world.state(version), world.job_state(reply.job)) == (
        "DELETING",
        "UNPUBLISHING",
        "PROCESSING",
    )
    assert world.said(world.emitted[-1:]) == ["version.unpublish_requested"]
    without_copies(world, version)
    assert gone(world, version)
    assert world.said(world.emitted[-2:]) == ["source.discarded", "version.deleted"]
    assert {one.saga for one in world.emitted[-3:]} == {reply.job}
    assert world.events()[-2] == SourceDiscarded(pod="pod-1", version=version)
    assert (world.job(reply.job).kind, world.job_state(reply.job)) == ("delete", "SUCCESS")
    roster, found = world.get(ROSTER, image), world.image(image)
    assert roster is not None
    assert found is not None
    assert (version not in roster.versions, found.versions) == (True, 1)
    after = world.gallery().usage
    assert (usage.versions - after.versions, usage.bytes > after.bytes) == (1, True)
    assert world.get(NUMBER, number_key(image, "1.0.0")) is not None
    refused(world.import_(number="1.0.0"), "version_exists")
    assert world.under_way == {}


def test_f10_a_version_that_was_never_published_goes_at_once() -> None:
    world = Lives()
    world.deployed()
    accepted = world.deployed()
    reply = world.delete("1.1.0")
    assert world.said(world.emitted[-2:]) == ["source.discarded", "version.deleted"]
    assert (world.stage(accepted.version), world.job_state(reply.job)) == ("DELETED", "SUCCESS")


def test_f10_deleting_again_is_fine_while_it_goes_and_then_there_is_no_such_version() -> None:
    world, _, version = published()
    world.deployed()
    first = world.delete()
    said = len(world.emitted)
    assert world.delete() == first
    assert world.delete(bypass=True, revision=1) == first
    assert len(world.emitted) == said
    for refusal in (world.publish(again=True), world.unpublish(), world.edit(hidden=True), world.disable("1.0.0")):
        refused(refusal, "version_deleted")
    refused(world.restore(), "version_deleted")
    without_copies(world, version)
    assert gone(world, version)
    for refusal in (world.delete(), world.restore(), world.edit(hidden=True), world.publish(again=True)):
        refused(refusal, "version_not_found")


@pytest.mark.parametrize("with_others", [False, True])
def test_f10_with_its_last_version_an_image_goes_and_its_name_is_free(with_others: bool) -> None:
    world, image, version = published()
    if with_others:
        world.import_()
    world.delete()
    without_copies(world, version)
    assert gone(world, version)
    if with_others:
        assert world.image(image) is not None, "an import is under way"
        return
    assert world.said(world.emitted[-1:]) == ["image.deleted"]
    assert (world.get(IMAGE, image), world.get(IMAGE_NAME, name_key("acme", "default", "base"))) == (None, None)
    assert (world.gallery().usage.images, world.gallery().usage.versions, world.gallery().usage.bytes) == (0, 0, 0)
    again = world.register()
    assert again.id != image


def test_f8_an_image_that_is_protected_meanwhile_outlives_its_last_version() -> None:
    world, image, version = published()
    world.delete()
    world.protect()
    without_copies(world, version)
    assert gone(world, version)
    found = world.image(image)
    assert found is not None
    assert found.versions == 0
    world.protect(protected=False)
    assert world.delete_image() == Done()


def test_f10_what_is_in_use_stays_and_the_refusal_lists_who_uses_it_on_which_pod() -> None:
    world, _, version = published()
    world.use(version, "pod-1", "pod-3")
    problem = refused(world.delete(), "version_in_use")
    assert problem.status == 409
    assert problem.data["used_by"] == "call-centre on pod-1, call-centre on pod-3"
    assert (problem.data["users"], problem.data["assignments"], problem.data["pods"]) == (2, 1, "pod-1, pod-3")
    assert "call-centre on pod-3" in problem.detail
    world.use(version)
    assert isinstance(world.delete(), Accepted)


def test_f10_a_refusal_names_so_many_users_and_counts_the_others() -> None:
    world, _, version = published()
    world.use(version, *(f"pod-{n:03d}" for n in range(1, 31)))
    problem = refused(world.delete(), "version_in_use")
    assert problem.data["users"] == 30
    assert str(problem.data["used_by"]).endswith("and 10 more")


def test_f10_force_needs_an_operator_and_takes_a_version_from_those_that_use_it() -> None:
    world, _, version = published()
    world.use(version, "pod-2")
    refused(world.delete(force=True), "forbidden")
    assert world.stage(version) == ""
    reply = world.delete(force=True, actor=OPS)
    assert isinstance(reply, Accepted)
    assert world.job(reply.job).actor == "olga"
    assert world.stage(version) == "DELETING"


def test_f10_an_image_outlives_its_last_version_as_long_as_what_was_made_from_it_runs() -> None:
    world, image, version = published()
    world.use(version, "pod-2")
    world.delete(force=True, actor=OPS)
    without_copies(world, version)
    assert gone(world, version)
    assert world.image(image) is not None


def test_f10_force_does_not_lift_protection_nor_pull_a_version_from_under_a_marker() -> None:
    world, image, version = published()
    world.mark(image, version)
    problem = refused(world.delete(force=True, actor=OPS), "version_marked")
    assert problem.data["markers"] == "prod"
    world.mark(image, "e" * 32)
    world.protect("1.0.0")
    refused(world.delete(force=True, actor=OPS), "protected")


def test_b2_only_a_version_with_which_nothing_goes_on_is_deleted() -> None:
    world = Lives()
    accepted = world.import_()
    refused(world.delete(), "version_not_ready")
    world.started(accepted.version)
    refused(world.delete(), "version_not_ready")
    world.prepared(accepted.version)
    world.publish()
    refused(world.delete(), "version_not_ready")
    world.copy(planned(accepted.version, "pod-1"))
    refused(world.delete(), "version_not_ready")
    world.copy(failed(accepted.version, "pod-1"))
    assert world.state(accepted.version) == "FAILED"
    assert isinstance(world.delete(), Accepted)


def test_f10_a_copy_that_came_before_the_cancel_goes_with_a_version_that_was_cancelled() -> None:
    world = Lives()
    version = world.deployed().version
    world.publish()
    world.cancel()
    world.copy(planned(version, "pod-1"))
    world.copy(cancelled(version, "pod-1"))
    assert world.state(version) == "DEPLOYMENT_DONE"
    world.delete()
    assert any(isinstance(one, VersionUnpublishRequested) for one in world.events())
    assert gone(world, version)
    world.copy(available(version, "pod-1", revision=9))
    assert world.stage(version) == "DELETED"
    assert world.state(version) == "DEPLOYMENT_DONE"


def test_f10_a_deletion_does_not_hang_on_a_pod_that_is_away() -> None:
    world, _, version = published()
    world.deployed()
    reply = world.delete()
    world.pass_time(SETTINGS.unpublish_deadline + 1)
    assert (world.stage(version), world.job_state(reply.job)) == ("DELETED", "SUCCESS")


def test_f10_a_source_pod_that_is_away_is_told_again_until_it_is_back() -> None:
    world = Lives()
    world.deployed()
    accepted = world.deployed()
    world.say(PodDisconnected(pod="pod-1", revision=2), "replicator")
    world.delete("1.1.0")

    def told() -> int:
        return world.events().count(SourceDiscarded(pod="pod-1", version=accepted.version))

    assert told() == 1
    world.pass_time(SETTINGS.discard_interval)
    assert told() == 2
    world.say(PodConnected(pod="pod-1", revision=3), "replicator")
    world.pass_time(SETTINGS.discard_interval)
    assert told() == 3
    world.pass_time(10 * SETTINGS.discard_interval)
    assert told() == 3


def test_f10_a_pod_that_was_removed_is_told_nothing() -> None:
    world = Lives()
    world.deployed()
    world.say(PodRemoved(pod="pod-1", revision=2), "replicator")
    world.delete()
    assert not any(isinstance(one, SourceDiscarded) for one in world.events())


def test_f10_what_a_pod_finds_of_a_deleted_version_goes() -> None:
    world, _, version = published()
    world.deployed()
    world.delete()
    without_copies(world, version)
    assert gone(world, version)
    world.pass_time(60)
    said = world.say(VersionSought(version=version, pod="pod-1", reason="held"), "replicator")
    assert world.said(said) == ["version.unpublish_requested", "source.discarded"]
    said = world.prepared(version)
    assert world.said(said) == ["source.discarded"]


def test_f2_a_version_is_not_deleted_before_its_end_of_life_where_that_is_blocked() -> None:
    world, _, version = published()
    end = START + timedelta(days=30)
    world.edit(end_of_life=end.isoformat(), block_deletion_before_end_of_life=True)
    problem = refused(world.delete(), "blocked_before_end_of_life")
    assert (problem.status, problem.data["end_of_life"]) == (409, end.isoformat())
    world.pass_time(30 * DAY)
    assert isinstance(world.delete(), Accepted)
    assert world.stage(version) == "DELETING"


def test_f2_an_image_blocks_the_deletion_of_all_its_versions_until_its_end_of_life() -> None:
    world, image, _ = published()
    world.change_image(image, end_of_life=START + timedelta(days=1), block_deletion_before_end_of_life=True)
    refused(world.delete(), "blocked_before_end_of_life")
    world.change_image(image, block_deletion_before_end_of_life=False)
    assert isinstance(world.delete(), Accepted)


def test_f9_the_timeline_of_a_soft_deleted_version() -> None:
    world, image, version = published()
    world.deployed()
    world.softly(retention_days=7, grace_days=3)
    reply = world.delete()
    assert isinstance(reply, Accepted)
    (event,) = world.events(world.emitted[-1:])
    assert (event.words(), event.grace, event.purge) == (
        "version.soft_deleted",
        START + timedelta(days=7),
        START + timedelta(days=10),
    )
    assert world.job_state(reply.job) == "SUCCESS"
    assert usable(world, image, version) == ("SOFT_DELETED", "")
    assert world.state(version) == "AVAILABLE", "its copies stay"
    world.pass_time(7 * DAY - 1)
    assert usable(world, image, version) == ("SOFT_DELETED", "")
    world.pass_time(1)
    assert usable(world, image, version) == ("GRACE", "version_deleted")
    world.pass_time(3 * DAY - 1)
    assert world.stage(version) == "GRACE"
    world.pass_time(1)
    assert usable(world, image, version) == ("DELETING", "version_deleted")
    job = world.version(version).job
    assert (world.job(job).kind, world.job(job).actor, world.job_state(job)) == ("delete", "ada", "PROCESSING")
    without_copies(world, version)
    assert gone(world, version)
    assert world.job_state(job) == "SUCCESS"


def usable(world: Lives, image: str, version: str) -> tuple[str, str]:
    """How far it is on its way out, and the code with which a new use is refused."""
    found = world.image(image)
    assert found is not None
    problem = lives.objection_to_use(found, world.version(version), world.now)
    return world.stage(version), "" if problem is None else problem.code


def test_f9_time_alone_ends_the_use_of_a_soft_deleted_version() -> None:
    world, image, version = published()
    world.softly(retention_days=7)
    world.delete()
    world.now += timedelta(days=7)
    assert usable(world, image, version) == ("SOFT_DELETED", "version_deleted"), "also when the reminder is late"


@pytest.mark.parametrize("days", [1, 8])
def test_f9_a_soft_deleted_version_comes_back_in_both_stages(days: float) -> None:
    world, image, version = published()
    world.softly(retention_days=7, grace_days=3)
    before = world.version(version)
    world.delete()
    world.pass_time(days * DAY)
    view = world.restore()
    assert (view.state, view.deleted, view.grace, view.purge) == ("AVAILABLE", None, None, None)
    assert world.said(world.emitted[-1:]) == ["version.restored"]
    assert usable(world, image, version) == ("", "")
    after = world.version(version)
    assert msgspec.structs.replace(after, revision=before.revision, updated=before.updated) == before
    assert world.under_way == {}
    world.pass_time(100 * DAY)
    assert world.stage(version) == ""
    refused(world.restore(), "not_deleted")


def test_f9_bypass_deletes_at_once_also_what_was_soft_deleted_before() -> None:
    world, _, version = published()
    second = world.deployed().version
    world.softly()
    soft = world.delete()
    assert world.delete() == soft, "again is fine"
    assert world.stage(version) == "SOFT_DELETED"
    hard = world.delete(bypass=True)
    assert isinstance(hard, Accepted)
    assert (hard.job != soft.job, world.stage(version)) == (True, "DELETING")
    world.delete("1.1.0", bypass=True)
    assert world.stage(second) == "DELETED"


def test_f9_a_soft_deleted_version_takes_a_restore_or_another_delete_only() -> None:
    world, _, _ = published()
    world.softly()
    world.delete()
    for refusal in (
        world.edit(hidden=True),
        world.disable("1.0.0"),
        world.protect("1.0.0"),
        world.deprecate("1.0.0"),
        world.validate(),
        world.publish(again=True),
        world.unpublish(),
    ):
        refused(refusal, "version_deleted")


def test_f9_an_image_with_soft_deleted_versions_is_not_empty() -> None:
    world, image, version = published()
    world.softly()
    world.delete()
    problem = refused(world.delete_image(), "image_not_empty")
    assert problem.data["versions"] == 1
    world.delete(bypass=True)
    without_copies(world, version)
    assert gone(world, version)
    assert world.image(image) is None


@pytest.mark.parametrize("held", ["used", "marked", "protected"])
def test_f9_what_somebody_uses_again_outlives_its_time_until_it_is_free(held: str) -> None:
    world, image, version = published()
    world.softly(retention_days=7, grace_days=0)
    world.delete()
    match held:
        case "used":
            world.use(version, "pod-1")
        case "marked":
            world.mark(image, version)
        case "protected":
            world.protect()
    world.pass_time(8 * DAY)
    assert usable(world, image, version) == ("GRACE", "version_deleted")
    world.use(version)
    world.mark(image, "e" * 32)
    world.protect(protected=False)
    world.pass_time(SETTINGS.purge_interval)
    assert world.stage(version) == "DELETING"


def test_f9_the_policy_of_the_gallery_at_the_time_of_the_delete_counts() -> None:
    world, _, version = published()
    world.softly(retention_days=7, grace_days=3)
    world.delete()
    world.softly(retention_days=1, grace_days=0)
    world.pass_time(2 * DAY)
    assert world.stage(version) == "SOFT_DELETED"


def test_i9_a_delete_at_another_revision_changes_nothing() -> None:
    world, _, version = published()
    revision = world.version(version).revision
    refused(world.delete(revision=revision - 1), "revision_mismatch")
    assert isinstance(world.delete(revision=revision), Accepted)


def test_b1_an_image_that_stays_without_its_last_version_is_registered_until_the_next() -> None:
    world = Lives()
    accepted = world.deployed()
    other = world.import_()
    world.delete()
    image = world.image(accepted.image)
    assert image is not None
    assert (image.__struct_config__.tag, image.versions, image.open) == ("REGISTERED", 0, (other.number,))
    said = world.emitted[-1].event
    assert (said.fields, said.revision) == (("state",), image.revision)
    world.prepared(other.version)
    image = world.image(accepted.image)
    assert image is not None
    assert (image.__struct_config__.tag, image.versions) == ("AVAILABLE", 1)


def test_b1_an_image_without_versions_is_deleted_and_one_with_any_is_not() -> None:
    world = Lives()
    accepted = world.deployed()
    empty = world.register("empty")
    refused(world.delete_image(), "image_not_empty")
    refused(world.delete_image("empty", revision=7), "revision_mismatch")
    refused(world.delete_image("empty", actor=EVE), "image_not_found")
    world.protect(image="empty")
    refused(world.delete_image("empty"), "protected")
    world.protect(image="empty", protected=False)
    assert world.delete_image("empty") == Done()
    assert world.said(world.emitted[-1:]) == ["image.deleted"]
    assert (world.image(empty.id), world.gallery().usage.images) == (None, 1)
    refused(world.delete_image("empty"), "image_not_found")
    assert world.image(accepted.image) is not None


def test_b1_an_image_into_which_an_import_runs_is_not_empty() -> None:
    world = Lives()
    world.register()
    world.import_()
    problem = refused(world.delete_image(), "image_not_empty")
    assert problem.data["imports"] == 1


def test_f10_a_shallow_version_can_be_deleted_itself() -> None:
    world = Lives()
    world.deployed()
    version = world.deployed().version
    world.publish("base", "1.1.0", terms=Terms(mode="shallow"))
    world.copy(planned(version, "pod-1"))
    world.copy(available(version, "pod-1"))
    assert not isinstance(world.delete("1.1.0"), Problem)
    assert ADA.name == world.job(world.version(version).job).actor


def test_a_redelivered_reminder_finishes_a_deletion_once() -> None:
    world, image, version = published()
    world.deployed()
    world.delete()
    without_copies(world, version)
    due: Any = world.reminders[f"removal/{version}"]
    world.pass_time(0)
    before = dict(world.documents)
    said = world.deliver(world.message(due.body, "self", saga=due.saga))
    assert world.said(said) == ["source.discarded"], "harmless, and no second version.deleted"
    assert world.documents == before
    found = world.image(image)
    assert found is not None
    assert found.versions == 1


def test_c9_desktops_that_run_keep_their_version_until_the_last_of_them_is_moved() -> None:
    world = Pools()
    version = world.published().version
    world.published()
    world.move("prod", "1.0.0")
    pool = world.assign(name="call-centre", pods=("pod-1", "pod-2"))
    for pod in ("pod-1", "pod-2"):
        world.report(pool.id, pod)

    def delete() -> Any:
        return world.ask(DeleteVersion(id=world.command_id(), actor=ADA, image="base", number="1.0.0"))

    assert refused(delete(), "version_in_use").data["used_by"] == "call-centre on pod-1, call-centre on pod-2"
    refused(world.unpublish(), "version_in_use")
    world.move("prod", "1.1.0")
    world.report(pool.id, "pod-1")
    assert refused(delete(), "version_in_use").data["used_by"] == "call-centre on pod-2"
    world.report(pool.id, "pod-2")
    assert isinstance(delete(), Accepted)
    assert world.version(version).life.removal.stage == "DELETING"
