"""Retention policies: what they take, what they never take, and when (features.md F11, c8)."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.documents import RETENTIONS, SHELF
from catalog.domain import keeping
from catalog.domain.image import Image
from catalog.domain.image import Registered as RegisteredImage
from catalog.domain.life import ALIVE, Life, Removal
from catalog.domain.lives import excluded
from catalog.domain.marker import Marker, Markers
from catalog.domain.number import rank
from catalog.domain.publication import begin
from catalog.domain.uses import Use, Uses
from catalog.domain.version import Available, DeploymentDone, Failed, Publishing, Version
from catalog.retention import APART
from catalog.reviews import STEP, next_review
from catalog.shelves import ShelfChanged
from contracts.errors import Failure
from contracts.events.hub import ShareOffered, ShareRevoked
from contracts.keeping import Exclusions, Retention, Rule
from contracts.requests import (
    Done,
    DropRetention,
    EditGallery,
    RunRetention,
    SetEnabled,
    SetProtection,
    SetRetention,
)
from contracts.terms import Terms
from core.catalog_world import ADA, EVE, SOURCE, World, manifest, refused
from core.driver import START

DAY = 86_400.0
OLDEST = Rule(by="COUNT", value=1)
IMAGE_ID = "a" * 32


def policy(name: str = "tidy", action: Any = "DELETE", rule: Rule = OLDEST, **given: Any) -> Retention:
    return Retention(name=name, action=action, rule=rule, **given)


def image(**given: Any) -> Image:
    return RegisteredImage(
        **{
            "gallery": "default",
            "name": "base",
            "tenant": "acme",
            "os_type": "linux",
            "os_state": "generalized",
            "generation": "V1",
            "architecture": "x64",
            "description": "",
            "created": START,
            "revision": 1,
            **given,
        }
    )


def version(
    number: str = "1.0.0", *, kind: Any = Available, days: float = 0.0, excluded: bool = False, **given: Any
) -> Any:
    """A version that was imported ``days`` before `START`; ``excluded`` by the terms of its publish."""
    fields = {
        "image": IMAGE_ID,
        "number": number,
        "rank": rank(number),
        "tenant": "acme",
        "source": SOURCE,
        "job": "j",
        "import_job": "j",
        "created": START - timedelta(days=days),
        "updated": START,
        "revision": 1,
        "manifest": manifest(),
        "usable": kind is Available,
        **given,
    }
    if kind is Failed:
        fields["failure"] = Failure(code="io_error", step="transfer", text="broken")
    if kind in (Available, Publishing):
        terms = Terms(exclude_from_latest=excluded)
        fields["publication"] = begin(None, 1, terms, anew=True)
    return kind(**fields)


def numbers(
    retention: Retention,
    versions: Iterable[Version],
    *,
    of: Image | None = None,
    marked: str = "",
    uses: Mapping[str, Uses | None] | None = None,
) -> list[str]:
    """The numbers of the victims among ``versions``, whose ids are their numbers."""
    by_id = {one.number: one for one in versions}
    markers = Markers(by={"prod": Marker(version=marked, number=marked, revision=1)}) if marked else None
    return [one.number for one in keeping.victims(retention, of or image(), by_id, markers, uses or {}, START)]


FIVE = [version(f"1.{n}.0", days=50 - 10 * n) for n in range(5)]
"""1.0.0 of 50 days ago to 1.4.0 of 10 days ago, all AVAILABLE."""


@pytest.mark.parametrize(
    ("rule", "victims"),
    [
        (Rule(by="COUNT", value=1), ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]),
        (Rule(by="COUNT", value=3), ["1.0.0", "1.1.0"]),
        (Rule(by="COUNT", value=5), []),
        (Rule(by="AGE", value=30), ["1.0.0", "1.1.0", "1.2.0"]),
        (Rule(by="AGE", value=31), ["1.0.0", "1.1.0"]),
        (Rule(by="AGE", value=5, unit="WEEKS"), ["1.0.0", "1.1.0"]),
        (Rule(by="AGE", value=1, unit="MONTHS"), ["1.0.0", "1.1.0", "1.2.0"]),
        (Rule(by="AGE", value=1, unit="YEARS"), []),
        (Rule(by="AGE", value=10_000, unit="YEARS"), []),
    ],
)
@pytest.mark.parametrize("action", ["DELETE", "DEPRECATE", "DISABLE"])
def test_f11_a_policy_takes_by_age_or_count_the_oldest_first(rule: Rule, victims: list[str], action: Any) -> None:
    assert numbers(policy(action=action, rule=rule), FIVE) == victims


def test_f11_retain_at_least_of_the_newest_stay_however_old() -> None:
    old = Rule(by="AGE", value=1)
    assert numbers(policy(rule=old, retain_at_least=3), FIVE) == ["1.0.0", "1.1.0"]
    assert numbers(policy(rule=Rule(by="COUNT", value=1), retain_at_least=4), FIVE) == ["1.0.0"]


def test_f11_the_newest_is_the_highest_number_not_the_latest_import() -> None:
    assert numbers(policy(), [version("1.10.0", days=9), version("1.9.0", days=1)]) == ["1.9.0"]


def test_c8_the_last_available_version_stays_whatever_the_policy_says() -> None:
    ancient = version("1.0.0", days=4000)
    assert numbers(policy(rule=Rule(by="AGE", value=1)), [ancient]) == []
    fresh = [version(f"2.{n}.0", kind=DeploymentDone) for n in range(5)]
    assert numbers(policy(), [ancient, *fresh]) == ["2.0.0", "2.1.0", "2.2.0", "2.3.0"]


def test_c8_what_latest_means_stays_beside_a_newer_one_that_is_kept_dark() -> None:
    dark = version("1.1.0", excluded=True)
    assert excluded(dark)
    assert numbers(policy(), [version("0.9.0"), version("1.0.0"), dark]) == ["0.9.0"]


@pytest.mark.parametrize(
    "nobody_can_choose",
    [
        version("3.0.0", life=msgspec.structs.replace(ALIVE, disabled=True)),
        version("3.0.0", life=msgspec.structs.replace(ALIVE, deprecation="OBSOLETE")),
        version("3.0.0", kind=Failed),
        version("3.0.0", life=msgspec.structs.replace(ALIVE, removal=Removal(stage="SOFT_DELETED", at=START))),
    ],
)
def test_c8_versions_that_nobody_can_choose_are_not_counted_as_kept(nobody_can_choose: Version) -> None:
    two = policy(rule=Rule(by="COUNT", value=2))
    assert numbers(two, [version("1.0.0"), version("2.0.0"), nobody_can_choose]) == []
    assert numbers(two, [version("1.0.0"), version("2.0.0"), version("3.0.0")]) == ["1.0.0"]


def test_f11_what_a_marker_names_stays() -> None:
    assert numbers(policy(), FIVE, marked="1.1.0") == ["1.0.0", "1.2.0", "1.3.0"]


@pytest.mark.parametrize("use", [Use(name="desks", seats=3, runs=True, wanted=False), Use(name="desks", wanted=True)])
def test_c9_what_is_in_use_or_wanted_stays(use: Use) -> None:
    assert numbers(policy(), FIVE, uses={"1.0.0": Uses(by={"as/pod-1": use})}) == ["1.1.0", "1.2.0", "1.3.0"]


def test_f14_what_was_used_lately_stays_if_the_policy_says_so() -> None:
    used = {"1.0.0": Uses(last_used=START - timedelta(days=5)), "1.1.0": Uses(last_used=START - timedelta(days=50))}
    assert numbers(policy(), FIVE, uses=used)[0] == "1.0.0"
    sparing = policy(exclude=Exclusions(used_within_days=30))
    assert numbers(sparing, FIVE, uses=used) == ["1.1.0", "1.2.0", "1.3.0"]


@pytest.mark.parametrize("action", ["DELETE", "DEPRECATE", "DISABLE"])
@pytest.mark.parametrize(
    "life",
    [
        msgspec.structs.replace(ALIVE, protected=True),
        msgspec.structs.replace(ALIVE, protected_until=START + timedelta(hours=1)),
    ],
)
def test_f8_what_is_protected_or_cooling_down_stays(life: Any, action: Any) -> None:
    takes = policy(action=action)
    assert numbers(takes, [version("1.0.0", life=life), version("2.0.0")]) == []
    assert numbers(takes, [version("1.0.0"), version("2.0.0")], of=image(life=life)) == []


def test_f2_what_must_not_be_deleted_before_its_end_of_life_stays_but_is_deprecated() -> None:
    life = msgspec.structs.replace(ALIVE, end_of_life=START + timedelta(days=1), block_deletion=True)
    versions = [version("1.0.0", life=life), version("2.0.0")]
    assert numbers(policy("p", "DELETE"), versions) == []
    assert numbers(policy("p", "DEPRECATE"), versions) == ["1.0.0"]


@pytest.mark.parametrize("action", ["DELETE", "DEPRECATE", "DISABLE"])
def test_what_is_worked_on_is_left_alone(action: Any) -> None:
    assert numbers(policy(action=action), [version("1.0.0", kind=Publishing), version("2.0.0")]) == []


def test_f11_what_is_done_already_is_not_done_again() -> None:
    disabled = version("1.0.0", life=msgspec.structs.replace(ALIVE, disabled=True))
    deprecated = version("1.1.0", life=msgspec.structs.replace(ALIVE, deprecation="DEPRECATED"))
    rest = [disabled, deprecated, version("2.0.0")]
    assert numbers(policy(action="DISABLE"), rest) == ["1.1.0"]
    assert numbers(policy(action="DEPRECATE"), rest) == ["1.0.0"]
    assert numbers(policy(action="DELETE"), rest) == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    ("given", "of", "covered"),
    [
        ({}, {}, True),
        ({"galleries": ("default",)}, {}, True),
        ({"galleries": ("lab",)}, {}, False),
        ({"images": (IMAGE_ID,)}, {}, True),
        ({"images": ("b" * 32,)}, {}, False),
        ({"images": (IMAGE_ID,), "galleries": ("lab",)}, {}, False),
        ({"exclude": Exclusions(tags={"keep": ""})}, {"tags": {"keep": "yes"}}, False),
        ({"exclude": Exclusions(tags={"keep": "yes"})}, {"tags": {"keep": "yes"}}, False),
        ({"exclude": Exclusions(tags={"keep": "yes"})}, {"tags": {"keep": "no"}}, True),
        ({"exclude": Exclusions(tags={"keep": "yes"})}, {}, True),
        ({}, {"image_class": "standard"}, False),
        ({"exclude": Exclusions(shared=False)}, {"image_class": "standard"}, True),
        ({}, {"shared": ("evil",)}, False),
        ({"exclude": Exclusions(shared=False)}, {"shared": ("evil",)}, True),
        ({"suspended": True}, {}, True),
    ],
)
def test_f11_a_policy_covers_the_galleries_and_images_that_it_names_but_for_what_it_excludes(
    given: dict[str, Any], of: dict[str, Any], covered: bool
) -> None:
    assert keeping.covers(policy(**given), IMAGE_ID, image(**of)) is covered


kinds = st.sampled_from([Available, Available, DeploymentDone, Failed, Publishing])
lives = st.builds(
    lambda disabled, obsolete, protected: msgspec.structs.replace(
        ALIVE, disabled=disabled, deprecation="OBSOLETE" if obsolete else "ACTIVE", protected=protected
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
some = st.lists(st.tuples(kinds, lives, st.integers(0, 100), st.booleans()), max_size=12).map(
    lambda drawn: [
        version(f"1.{n}.0", kind=kind, life=life, days=days, excluded=dark)
        for n, (kind, life, days, dark) in enumerate(drawn)
    ]
)
rules = st.builds(Rule, by=st.sampled_from(["AGE", "COUNT"]), value=st.integers(1, 8))


@given(versions=some, rule=rules, least=st.integers(1, 5), action=st.sampled_from(["DELETE", "DEPRECATE", "DISABLE"]))
@settings(max_examples=300, deadline=None)
def test_c8_as_long_as_there_is_something_to_choose_there_is_afterwards(
    versions: list[Version], rule: Rule, least: int, action: Any
) -> None:
    retention = policy(action=action, rule=rule, retain_at_least=least)
    taken = set(numbers(retention, versions))
    good = {one.number for one in versions if one.usable and not one.life.disabled and one.life.deprecation == "ACTIVE"}
    assert not good or good - taken
    latest = {one.number for one in versions if one.number in good and not excluded(one)}
    assert not latest or max(latest, key=rank) not in taken
    standing = [one for one in versions if not isinstance(one, Failed) and not one.life.disabled]
    standing = [one for one in standing if one.life.deprecation == "ACTIVE"]
    newest = sorted(standing, key=lambda one: one.rank)[-least:]
    assert not {one.number for one in newest} & taken
    assert not {one.number for one in versions if one.life.protected} & taken


# The reactions


def keep(world: World, retention: Retention, actor: Any = ADA, revision: int | None = None) -> Any:
    return world.ask(SetRetention(id=world.command_id(), actor=actor, retention=retention, revision=revision))


def run(world: World, name: str = "tidy", actor: Any = ADA) -> Any:
    reply = world.ask(RunRetention(id=world.command_id(), actor=actor, name=name))
    world.pass_time(1)
    return reply


def stocked(count: int = 3, image: str = "base") -> tuple[World, str, list[str]]:
    """A world with ``count`` published versions of an image; its id and theirs, the oldest first."""
    world = World()
    accepted = [world.published(image) for _ in range(count)]
    world.pass_time(1)
    return world, accepted[0].image, [one.version for one in accepted]


def marks(world: World, versions: list[str]) -> list[str]:
    """``-`` for a version that is as it was, else what became of it."""
    return [mark(world.version(id).life) for id in versions]


def mark(life: Life) -> str:
    if life.removal is not None:
        return life.removal.stage
    if life.disabled:
        return "DISABLED"
    return "DEP" if life.deprecation == "DEPRECATED" else "-"


def test_f11_a_policy_that_is_run_deletes_as_a_person_would() -> None:
    world, _, versions = stocked()
    view = keep(world, policy())
    assert (view.revision, view.ran, view.taken) == (1, None, 0)
    run(world)
    assert marks(world, versions) == ["DELETING", "DELETING", "-"]
    asked = [one for one in world.events() if type(one).words() == "version.unpublish_requested"]
    assert [one.version for one in asked] == versions[:2]
    kept = world.get(RETENTIONS, "acme").by["tidy"]  # type: ignore[union-attr]
    assert (kept.taken, kept.ran) == (2, world.now - timedelta(seconds=1))
    job = world.job(world.version(versions[0]).job)
    assert (job.kind, job.actor, job.tenant) == ("delete", "retention:tidy", "acme")


def test_f9_a_policy_deletes_softly_where_the_gallery_says_so() -> None:
    world, _, versions = stocked()
    changes = {"soft_delete": {"enabled": True}}
    world.ask(EditGallery(id=world.command_id(), actor=ADA, gallery="default", changes=changes))
    keep(world, policy())
    run(world)
    assert marks(world, versions) == ["SOFT_DELETED", "SOFT_DELETED", "-"]


@pytest.mark.parametrize(("action", "mark"), [("DISABLE", "DISABLED"), ("DEPRECATE", "DEP")])
def test_f11_a_policy_disables_or_deprecates(action: Any, mark: str) -> None:
    world, _, versions = stocked()
    keep(world, policy(action=action))
    run(world)
    assert marks(world, versions) == [mark, mark, "-"]


def test_f11_a_policy_takes_at_its_day_what_became_too_old_by_itself() -> None:
    world, _, versions = stocked()
    keep(world, policy(action="DISABLE", rule=Rule(by="AGE", value=10)))
    world.pass_time(9 * DAY)
    assert marks(world, versions) == ["-", "-", "-"]
    world.pass_time(2 * DAY)
    assert marks(world, versions) == ["DISABLED", "DISABLED", "-"], "the last AVAILABLE one stays"


def test_f11_each_image_is_looked_at_once_a_day_at_a_time_of_its_own() -> None:
    at = START + timedelta(seconds=123)
    first, second = next_review("0" * 31 + "1", at, DAY), next_review("0" * 28 + "ffff", at, DAY)
    assert first != second
    for image in ("0" * 31 + "1", "f" * 32):
        due = next_review(image, at, DAY)
        assert timedelta() < due - at <= timedelta(days=1)
        assert next_review(image, due - timedelta(seconds=1), DAY) == due, "asked for again it is not put off"
        assert next_review(image, due, DAY) == due + timedelta(days=1)


def test_f11_versions_that_come_later_fall_under_the_policy_too() -> None:
    world = World()
    keep(world, policy(action="DISABLE"))
    versions = [world.published("lab/base").version for _ in range(3)]
    world.pass_time(DAY)
    assert marks(world, versions) == ["DISABLED", "DISABLED", "-"]
    versions.append(world.published("lab/base").version)
    world.pass_time(DAY)
    assert marks(world, versions) == ["DISABLED", "DISABLED", "DISABLED", "-"]


def test_f11_what_is_protected_after_the_policy_was_set_stays() -> None:
    world, _, versions = stocked()
    keep(world, policy())
    world.ask(SetProtection(id=world.command_id(), actor=ADA, image="base", number="1.0.0", protected=True))
    run(world)
    assert marks(world, versions) == ["-", "DELETING", "-"]


def test_f11_what_cannot_be_taken_is_left_and_hinders_nothing_else() -> None:
    world, image, versions = stocked()
    shallow = msgspec.structs.replace(world.version(versions[2]).publication, mode="shallow")
    child = msgspec.structs.replace(world.version(versions[2]), publication=shallow, parent=versions[0])
    world.documents["version", versions[2]] = msgspec.json.encode(child)
    world.documents["children", versions[0]] = msgspec.json.encode({"versions": [versions[2]]})
    keep(world, policy())
    run(world)
    assert marks(world, versions) == ["-", "DELETING", "-"]
    kept = world.get(RETENTIONS, "acme").by["tidy"]  # type: ignore[union-attr]
    assert kept.taken == 1
    assert [name for name in world.reminders if name.startswith("retention")] == [f"retention/{image}"]


def test_f11_more_than_one_transaction_takes_goes_in_steps() -> None:
    world, image, versions = stocked(1)
    many = {f"{n:032x}": n for n in range(1, STEP + 11)}
    for id, n in many.items():
        one = msgspec.structs.replace(world.version(versions[0]), number=f"0.{n}.0", rank=rank(f"0.{n}.0"))
        world.documents["version", id] = msgspec.json.encode(one)
    world.documents["roster", image] = msgspec.json.encode({"versions": [*many, *versions]})
    keep(world, policy(action="DISABLE"))
    run(world)
    assert set(marks(world, list(many))) == {"DISABLED"}
    assert world.get(RETENTIONS, "acme").by["tidy"].taken == len(many)  # type: ignore[union-attr]


def test_f11_a_run_over_many_images_takes_its_time() -> None:
    world, image, _ = stocked(2)
    shelf = [f"{n:032x}" for n in range(0xA000, 0xA000 + 30)]
    world.documents["shelf", "acme/default"] = msgspec.json.encode({"images": [*shelf, image]})
    keep(world, policy(action="DISABLE"))
    world.ask(RunRetention(id=world.command_id(), actor=ADA, name="tidy"))
    world.pass_time(0)
    due = sorted(one.due for name, one in world.reminders.items() if name.endswith("/tidy") and one.due is not None)
    assert due[-1] - due[0] == 29 * APART
    world.pass_time(5)
    assert world.get(RETENTIONS, "acme").by["tidy"].taken == 1  # type: ignore[union-attr]


def test_f11_several_policies_are_each_held_against_what_the_others_left() -> None:
    world, _, versions = stocked(4)
    keep(world, policy("a", "DELETE", Rule(by="COUNT", value=3)))
    keep(world, policy("b", "DEPRECATE", Rule(by="COUNT", value=2)))
    world.pass_time(DAY)
    assert marks(world, versions) == ["DELETED", "DEP", "-", "-"]


def test_f11_a_run_applies_that_policy_alone() -> None:
    world, _, versions = stocked()
    keep(world, policy("a", "DISABLE"))
    keep(world, policy("b", "DEPRECATE"))
    run(world, "b")
    assert marks(world, versions) == ["DEP", "DEP", "-"]


def test_f11_a_run_keeps_to_the_images_and_galleries_that_the_policy_names() -> None:
    world, image, versions = stocked()
    elsewhere = [world.published("lab/other").version for _ in range(2)]
    beside = [world.published("beside").version for _ in range(2)]
    keep(world, policy("by-image", "DISABLE", images=(image,)))
    run(world, "by-image")
    assert marks(world, versions + elsewhere + beside) == ["DISABLED", "DISABLED", "-", "-", "-", "-", "-"]
    keep(world, policy("by-gallery", "DISABLE", galleries=("lab",)))
    run(world, "by-gallery")
    assert marks(world, elsewhere + beside) == ["DISABLED", "-", "-", "-"]


def test_f11_a_policy_that_is_suspended_or_dropped_takes_nothing() -> None:
    world, _, versions = stocked()
    keep(world, policy(action="DISABLE"))
    assert keep(world, policy(action="DISABLE", suspended=True)).revision == 2
    refused(run(world), "retention_invalid")
    world.pass_time(3 * DAY)
    world.ask(DropRetention(id=world.command_id(), actor=ADA, name="tidy"))
    world.pass_time(3 * DAY)
    assert marks(world, versions) == ["-", "-", "-"]
    assert not [name for name in world.reminders if name.startswith("retention")], "nothing is looked at for nothing"


def test_f11_a_policy_that_is_suspended_while_it_is_carried_out_does_not_end_the_others() -> None:
    world, image, versions = stocked(4)
    keep(world, policy("a", "DEPRECATE", Rule(by="COUNT", value=3)))
    keep(world, policy("b", "DISABLE"))
    world.pass_time(1)
    world.say(world.reminders[f"retention/{image}"].body, "self")
    keep(world, policy("a", "DEPRECATE", Rule(by="COUNT", value=3), suspended=True))
    world.pass_time(1)
    assert marks(world, versions) == ["DISABLED", "DISABLED", "DISABLED", "-"]


def test_f11_a_policy_whose_suspension_ends_goes_on() -> None:
    world, _, versions = stocked()
    keep(world, policy(action="DISABLE", suspended=True))
    world.pass_time(3 * DAY)
    keep(world, policy(action="DISABLE"))
    world.pass_time(DAY + 1)
    assert marks(world, versions) == ["DISABLED", "DISABLED", "-"]


def test_f11_another_tenants_images_and_policies_are_not_touched() -> None:
    world, _, versions = stocked()
    keep(world, policy(action="DISABLE"), actor=EVE)
    run(world, actor=EVE)
    world.pass_time(2 * DAY)
    assert marks(world, versions) == ["-", "-", "-"]
    refused(run(world), "retention_not_found")
    refused(world.ask(DropRetention(id=world.command_id(), actor=ADA, name="tidy")), "retention_not_found")


def test_f11_the_same_policy_again_changes_nothing() -> None:
    world = World()
    first = keep(world, policy())
    before = dict(world.documents)
    assert keep(world, policy()) == first
    assert {key: body for key, body in world.documents.items() if key[0] != "audit_head"} == {
        key: body for key, body in before.items() if key[0] != "audit_head"
    }
    assert keep(world, policy(description="mine")).revision == 2


def test_f11_a_policy_that_somebody_else_changed_meanwhile_is_neither_replaced_nor_dropped() -> None:
    world = World()
    keep(world, policy(), revision=0)
    refused(keep(world, policy(retain_at_least=3), revision=0), "revision_mismatch")
    assert keep(world, policy(retain_at_least=2), revision=1).revision == 2
    refused(keep(world, policy(suspended=True), revision=1), "revision_mismatch")
    drop = {"actor": ADA, "name": "tidy"}
    refused(world.ask(DropRetention(id=world.command_id(), **drop, revision=1)), "revision_mismatch")
    assert isinstance(world.ask(DropRetention(id=world.command_id(), **drop, revision=2)), Done)


def test_f11_a_policy_that_is_made_anew_has_no_revision_that_was_known_before() -> None:
    world = World()
    world.published("base")
    keep(world, policy())
    keep(world, policy(retain_at_least=2))
    keep(world, policy("other"))
    for name in ("tidy", "other"):
        world.ask(DropRetention(id=world.command_id(), actor=ADA, name=name))
    assert keep(world, policy(), revision=0).revision == 3
    assert keep(world, policy("other"), revision=0).revision == 3
    world.floor = 5000
    assert keep(world, policy(retain_at_least=2), revision=3).revision == 5001


def test_f11_what_a_policy_took_lets_no_revision_be_given_again() -> None:
    world, _, _ = stocked()
    keep(world, policy("other", suspended=True))
    world.ask(DropRetention(id=world.command_id(), actor=ADA, name="other"))
    keep(world, policy())
    run(world)
    assert world.get(RETENTIONS, "acme").by["tidy"].taken == 2  # type: ignore[union-attr]
    assert keep(world, policy("other"), revision=0).revision == 2


def test_f11_a_policy_names_images_by_their_ids() -> None:
    assert refused(keep(World(), policy(images=("default/base",))), "retention_invalid").data["field"] == "images"


def test_f11_a_tenant_has_so_many_policies_and_no_more() -> None:
    world = World()
    for n in range(keeping.MOST_POLICIES):
        keep(world, policy(f"p{n}"))
    assert refused(keep(world, policy("more")), "limit_exceeded").data["limit"] == keeping.MOST_POLICIES
    assert keep(world, policy("p1", "DISABLE")).revision == 2


def test_f11_an_image_that_is_offered_to_somebody_is_left_alone_until_the_offer_ends() -> None:
    world, image, versions = stocked()
    world.say(ShareOffered(image=image, member="evil", owner="acme", revision=1), "sharing")
    world.say(ShareOffered(image="f" * 32, member="evil", owner="acme", revision=1), "sharing")
    keep(world, policy(action="DISABLE"))
    run(world)
    assert marks(world, versions) == ["-", "-", "-"]
    world.say(ShareRevoked(image=image, member="evil", revision=2), "sharing")
    world.pass_time(DAY)
    assert marks(world, versions) == ["DISABLED", "DISABLED", "-"]


def test_an_image_is_on_the_shelf_of_its_gallery_from_its_first_version_to_its_end() -> None:
    world = World()
    world.register("empty")
    accepted = world.published("base")
    world.published("base")
    world.pass_time(1)
    assert world.get(SHELF, "acme/default").images == (accepted.image,)  # type: ignore[union-attr]
    world.documents.pop(("image", accepted.image))
    world.say(ShelfChanged(image=accepted.image, tenant="acme", gallery="default"), "self")
    assert world.get(SHELF, "acme/default") is None


def test_f5_a_disabled_image_is_tidied_all_the_same() -> None:
    world, _, versions = stocked()
    world.ask(SetEnabled(id=world.command_id(), actor=ADA, image="base", enabled=False))
    keep(world, policy(action="DEPRECATE"))
    run(world)
    assert marks(world, versions) == ["DEP", "DEP", "-"]
