"""Marks of images and versions: disabled, protected, deprecated, past their end of life, validated."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.domain import lives
from catalog.views import version_view
from contracts.errors import Problem
from contracts.events.hub import VersionPublishRequested
from contracts.requests import Done
from contracts.terms import Terms
from core.catalog_world import ADA, EVE, available, lost, planned, refused
from core.driver import START
from core.lives_world import OPS, Lives

HOUR = 3600.0


def published() -> tuple[Lives, str, str]:
    """A world with version 1.0.0 of ``base``, AVAILABLE on all pods; the ids of image and version."""
    world = Lives()
    accepted = world.published()
    return world, accepted.image, accepted.version


def objection(world: Lives, image: str, version: str) -> str:
    """The code with which a new use is refused; empty when it is not."""
    found = world.image(image)
    assert found is not None
    problem = lives.objection_to_use(found, world.version(version), world.now)
    return "" if problem is None else problem.code


def warnings(world: Lives, image: str, version: str) -> tuple[str, ...]:
    found = world.image(image)
    assert found is not None
    return lives.warnings(found, world.version(version), world.now)


def shown(world: Lives, image: str, version: str) -> str:
    found = world.image(image)
    assert found is not None
    return version_view(version, world.version(version), found, at=world.now).state


def test_f5_a_disabled_version_takes_no_new_use_and_is_what_it_was_when_enabled() -> None:
    world, image, version = published()
    before = world.version(version)
    assert world.disable("1.0.0") == Done()
    assert world.said(world.emitted[-1:]) == ["version.disabled"]
    assert (shown(world, image, version), objection(world, image, version)) == ("DISABLED", "version_disabled")
    assert world.state(version) == "AVAILABLE", "the mark stands beside the state"
    assert world.enable("1.0.0") == Done()
    assert world.said(world.emitted[-1:]) == ["version.enabled"]
    assert (shown(world, image, version), objection(world, image, version)) == ("AVAILABLE", "")
    after = world.version(version)
    assert msgspec.structs.replace(after, revision=before.revision, updated=before.updated) == before
    assert after.revision == before.revision + 2


def test_f5_disabling_an_image_disables_all_its_versions_and_enabling_brings_each_back_as_it_was() -> None:
    world, image, first = published()
    second = world.deployed().version
    world.disable("1.0.0")
    assert world.disable() == Done()
    assert world.said(world.emitted[-1:]) == ["image.disabled"]
    assert [shown(world, image, one) for one in (first, second)] == ["DISABLED", "DISABLED"]
    assert [objection(world, image, one) for one in (first, second)] == ["image_disabled", "image_disabled"]
    world.enable()
    assert world.said(world.emitted[-1:]) == ["image.enabled"]
    assert [shown(world, image, one) for one in (first, second)] == ["DISABLED", "DEPLOYMENT_DONE"]


def test_f5_disabling_twice_says_nothing_the_second_time() -> None:
    world, _, version = published()
    world.disable("1.0.0")
    said, revision = len(world.emitted), world.version(version).revision
    assert world.disable("1.0.0") == Done()
    world.disable()
    after = len(world.emitted)
    world.disable()
    assert (after, len(world.emitted)) == (said + 1, said + 1)
    assert world.version(version).revision == revision


def test_f5_copies_go_on_being_counted_under_the_mark() -> None:
    world, image, version = published()
    world.disable("1.0.0")
    world.copy(lost(version, "pod-2", revision=4))
    assert (world.state(version), shown(world, image, version)) == ("PARTIALLY_AVAILABLE", "DISABLED")
    world.copy(available(version, "pod-2", revision=5))
    world.enable("1.0.0")
    assert shown(world, image, version) == "AVAILABLE"


@pytest.mark.parametrize("whole", [False, True])
def test_f5_what_is_disabled_is_neither_published_nor_unpublished(whole: bool) -> None:
    world, _, _ = published()
    world.deployed()
    code = "image_disabled" if whole else "version_disabled"
    world.disable(None if whole else "1.0.0")
    if not whole:
        world.disable("1.1.0")
    refused(world.publish("base", "1.1.0"), code)
    refused(world.publish("base", "1.0.0", again=True), code)
    refused(world.unpublish(), code)


def test_f5_only_what_is_deployed_can_be_disabled() -> None:
    world = Lives()
    world.import_()
    refused(world.disable("1.0.0"), "version_not_ready")


def test_i9_a_mark_is_set_only_at_the_revision_that_was_named() -> None:
    world, image, version = published()
    revision = world.version(version).revision
    refused(world.disable("1.0.0", revision=revision - 1), "revision_mismatch")
    assert not world.version(version).life.disabled
    assert world.disable("1.0.0", revision=revision) == Done()
    refused(world.deprecate("1.0.0", revision=revision), "revision_mismatch")
    found = world.image(image)
    assert found is not None
    refused(world.protect(revision=found.revision + 1), "revision_mismatch")
    assert world.protect(revision=found.revision) == Done()


def test_g1_only_an_operator_marks_a_standard_image_and_other_tenants_see_no_other() -> None:
    world = Lives()
    registered = world.register("gold", actor=OPS, image_class="standard")
    for actor in (ADA, EVE):
        refused(world.disable(image=registered.id, actor=actor), "class_read_only")
        refused(world.protect(image=registered.id, actor=actor), "class_read_only")
        refused(world.deprecate(image=registered.id, actor=actor), "class_read_only")
        refused(world.delete_image(registered.id, actor=actor), "class_read_only")
    assert world.disable(image=registered.id, actor=OPS) == Done()
    own = world.register("own")
    refused(world.disable(image=own.id, actor=EVE), "image_not_found")
    refused(world.delete(image=own.id, actor=EVE), "image_not_found")


@pytest.mark.parametrize(
    ("state", "use", "warned"),
    [("ACTIVE", "", False), ("DEPRECATED", "", True), ("OBSOLETE", "version_obsolete", True)],
)
@pytest.mark.parametrize("whole", [False, True])
def test_f4_the_deprecation_of_a_version_or_its_image_decides_about_new_use(
    state: Any, use: str, warned: bool, whole: bool
) -> None:
    world, image, version = published()
    assert world.deprecate(None if whole else "1.0.0", state=state) == Done()
    assert objection(world, image, version) == use
    assert bool(warnings(world, image, version)) is warned
    assert world.deprecate(None if whole else "1.0.0", state="ACTIVE") == Done()
    assert (objection(world, image, version), warnings(world, image, version)) == ("", ())


def test_a9_the_warning_of_a_deprecated_version_names_its_replacement() -> None:
    world, image, version = published()
    world.deployed()
    assert world.deprecate("1.0.0", replacement="1.1") == Done()
    (event,) = world.events(world.emitted[-1:])
    assert (event.deprecation, event.replacement, event.fields) == (
        "DEPRECATED",
        "1.1.0",
        ("deprecation", "replacement"),
    )
    assert warnings(world, image, version) == ("version 1.0.0 is deprecated; use 1.1.0 instead",)
    world.deprecate("1.0.0", state="OBSOLETE")
    found = world.image(image)
    assert found is not None
    problem = lives.objection_to_use(found, world.version(version), START)
    assert refused(problem, "version_obsolete").data["replacement"] == "1.1.0", "it is kept unless another is named"


@pytest.mark.parametrize("replacement", ["1.0.0", "9.9.9", "latest", "1.1.0", "1.2.0"])
def test_a9_a_version_is_replaced_by_another_one_that_can_be_used(replacement: str) -> None:
    world, _, _ = published()
    world.deployed()
    world.deployed()
    world.deprecate("1.1.0", state="OBSOLETE")
    world.delete("1.2.0")
    refused(world.deprecate("1.0.0", replacement=replacement), "replacement_invalid")
    refused(world.deprecate("1.0.0", state="ACTIVE", replacement="1.1.0"), "replacement_invalid")


def test_a9_an_image_is_replaced_by_another_image() -> None:
    world, image, version = published()
    other = world.register("other")
    refused(world.deprecate(replacement="base"), "replacement_invalid")
    refused(world.deprecate(replacement="nothing"), "replacement_invalid")
    assert world.deprecate(replacement="default/other") == Done()
    assert world.said(world.emitted[-1:]) == ["image.changed"]
    assert warnings(world, image, version) == (f"image base is deprecated; use {other.id} instead",)


def test_f8_protection_holds_until_its_cool_down_is_over() -> None:
    world, _, version = published()
    assert world.protect("1.0.0", cool_down=24) == Done()
    assert refused(world.delete(), "protected").status == 403
    assert world.protect("1.0.0", protected=False) == Done()
    life = world.version(version).life
    assert (life.protected, life.protected_until) == (False, START + timedelta(hours=24))
    refused(world.delete(), "protected")
    world.pass_time(24 * HOUR - 1)
    refused(world.delete(), "protected")
    world.pass_time(1)
    assert not isinstance(world.delete(), Problem)


def test_f8_the_cool_down_of_a_protection_that_holds_cannot_be_shortened() -> None:
    world, _, version = published()
    world.protect("1.0.0", cool_down=24)
    refused(world.protect("1.0.0", cool_down=1), "protected")
    refused(world.protect("1.0.0", protected=False, cool_down=0), "protected")
    world.protect("1.0.0", protected=False)
    refused(world.protect("1.0.0", cool_down=0), "protected")
    world.pass_time(HOUR)
    world.protect("1.0.0")
    world.protect("1.0.0", protected=False)
    assert world.version(version).life.protected_until == START + timedelta(hours=25)
    world.pass_time(25 * HOUR)
    assert world.protect("1.0.0", cool_down=0) == Done()
    world.protect("1.0.0", protected=False)
    assert not isinstance(world.delete(), Problem)


def test_f8_protecting_an_image_protects_it_and_all_its_versions() -> None:
    world, _, _ = published()
    world.protect()
    refused(world.delete(), "protected")
    refused(world.delete_image(), "protected")
    world.protect(protected=False)
    assert not isinstance(world.delete(), Problem)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("enforced", "code"), [(False, ""), (True, "past_end_of_life")])
def test_f1_an_end_of_life_warns_and_forbids_new_use_only_where_it_is_enforced(
    whole: bool, enforced: bool, code: str
) -> None:
    world, image, version = published()
    end = START + timedelta(days=1)
    if whole:
        world.change_image(image, end_of_life=end, enforce_end_of_life=enforced)
    else:
        world.change_image(image, enforce_end_of_life=enforced)
        world.edit(end_of_life=end.isoformat())
    assert (objection(world, image, version), warnings(world, image, version)) == ("", ())
    world.pass_time(86_400)
    assert objection(world, image, version) == code
    assert warnings(world, image, version) == (f"version 1.0.0 reached its end of life at {end.isoformat()}",)


def test_b17_the_latest_result_of_each_validation_is_kept_and_a_bad_one_warns() -> None:
    world, image, version = published()
    world.validate(kind="boot", status="Failed", tool="probe 2", detail="no network")
    view = world.validate(kind="trusted-launch")
    assert [(one.kind, one.status) for one in view.validations] == [
        ("boot", "Failed"),
        ("trusted-launch", "Succeeded"),
    ]
    assert warnings(world, image, version) == ("validation boot of version 1.0.0 failed",)
    view = world.validate(kind="boot")
    assert [one.kind for one in view.validations] == ["trusted-launch", "boot"]
    assert (view.warnings, view.revision) == ((), world.version(version).revision)
    assert world.said(world.emitted[-1:]) == ["version.changed"]


def test_b17_only_what_is_there_can_be_validated_and_by_so_many_kinds() -> None:
    world = Lives()
    accepted = world.import_()
    refused(world.validate(), "version_not_ready")
    world.started(accepted.version)
    world.prepared(accepted.version)
    for n in range(32):
        world.validate(kind=f"check-{n}")
    refused(world.validate(kind="one-more"), "limit_exceeded")


def test_f3_copies_stay_where_the_image_forbids_to_remove_them_unless_the_version_is_deleted() -> None:
    world, image, version = published()
    world.change_image(image, allow_deletion_of_replicated_locations=False)
    refused(world.unpublish(), "deletion_of_locations_forbidden")
    assert world.state(version) == "AVAILABLE"
    assert not isinstance(world.delete(), Problem)
    assert world.state(version) == "UNPUBLISHING"


def test_c9_a_version_that_is_in_use_is_not_unpublished() -> None:
    world, _, version = published()
    world.use(version, "pod-2")
    problem = refused(world.unpublish(), "version_in_use")
    assert problem.data["used_by"] == "call-centre on pod-2"


def test_a7_latest_is_excluded_from_the_import_on_and_an_edit_takes_the_terms_of_a_publish_back() -> None:
    world = Lives()
    version = world.deployed(exclude_from_latest=True).version
    assert lives.excluded(world.version(version))
    world.publish(terms=Terms(exclude_from_latest=True))
    view = world.edit(exclude_from_latest=False)
    assert not view.exclude_from_latest
    assert not lives.excluded(world.version(version))
    view = world.edit(exclude_from_latest=True)
    assert view.exclude_from_latest


def test_a7_a_republish_does_not_bring_back_what_an_edit_took_back() -> None:
    world = Lives()
    version = world.deployed().version
    world.publish(terms=Terms(exclude_from_latest=True))
    world.copy(planned(version, "pod-1", excluded=True))
    world.copy(available(version, "pod-1"))
    assert lives.excluded(world.version(version))
    world.edit(exclude_from_latest=False)
    world.publish(again=True)
    event: Any = world.events()[-1]
    assert isinstance(event, VersionPublishRequested)
    assert not event.terms.exclude_from_latest
    assert not lives.excluded(world.version(version))
    world.copy(available(version, "pod-1", revision=9))
    world.cancel()
    world.pass_time(1000)
    world.publish(again=True, terms=Terms(exclude_from_latest=True))
    assert lives.excluded(world.version(version)), "a later publish may exclude it anew"
