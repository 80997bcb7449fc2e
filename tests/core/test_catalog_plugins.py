"""Import plug-ins: which an import has, their order, each step a word, and what the hub's own one writes (B13)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.audit import INSERT as AUDIT
from catalog.documents import IMAGE
from catalog.domain.plugins import due, injected, stepped
from catalog.settings import CatalogSettings
from catalog.timeline import INSERT as TIMELINE
from contracts.definition import Details, Namespace, Property
from contracts.events.from_pods import SourceInspected, SourceStepped
from contracts.events.hub import VersionDeployed, VersionStepped
from contracts.requests import EditImage, RetryJob, SetNamespace
from core.catalog_world import ADA, SETTINGS, World, manifest, refused
from core.driver import Emitted
from runtime.settings import SettingsError, load

UNPACK, INJECT = "image_decompression", "inject_image_metadata"
BOTH = (UNPACK, INJECT)
INJECTING = msgspec.structs.replace(SETTINGS, inject_metadata="site=berlin, house.checked=true,house.rank=7")


def house(**properties: Property) -> Namespace:
    return Namespace(name="house", properties=properties, closed=True)


def step(world: World, version: str, *, position: int = 1, name: str = UNPACK, **given: Any) -> list[Emitted]:
    pod, attempt = given.pop("pod", "pod-1"), given.pop("attempt", 1)
    said = SourceStepped(version=version, attempt=attempt, step=name, position=position, steps=2)
    return world.say(said, f"pod:{pod}", saga="pod's own")


def properties(world: World, image: str) -> dict[str, Any]:
    found = world.get(IMAGE, image)
    assert found is not None
    return found.details.properties


def timeline(world: World, job: str) -> list[str]:
    return [row[3] for statement, row in world.writes if statement == TIMELINE and row[0] == job]


@pytest.mark.parametrize(
    ("given", "house", "expected"),
    [
        (None, "", ()),
        (None, " image_decompression ,inject_image_metadata,", BOTH),
        ((), "image_decompression", ()),
        ((INJECT,), "image_decompression", (INJECT,)),
        ((INJECT, UNPACK), "", (INJECT, UNPACK)),
    ],
)
def test_b13_an_import_has_the_plugins_that_it_names_else_those_of_the_settings(
    given: Any, house: str, expected: tuple[str, ...]
) -> None:
    world = World(settings=msgspec.structs.replace(SETTINGS, import_plugins=house))
    version = world.import_(plugins=given).version
    assert world.version(version).plugins == expected
    assert world.events()[-1].plugins == expected


@pytest.mark.parametrize(
    ("plugins", "code"),
    [
        (("image_conversion",), "plugin_unsupported"),
        (("none_such",), "plugin_unsupported"),
        ((UNPACK, "x" * 80), "plugin_unsupported"),
        ((UNPACK, UNPACK), "validation_failed"),
        ((INJECT, UNPACK, INJECT), "validation_failed"),
    ],
)
def test_b13_a_plugin_that_is_not_there_or_comes_twice_is_refused_at_once(plugins: Any, code: str) -> None:
    world = World()
    before = dict(world.documents)
    refused(world.import_(plugins=plugins), code)
    assert (world.documents, world.emitted) == (before, [])


@pytest.mark.parametrize(
    "given",
    [{"IMPORT_PLUGINS": "image_conversion"}, {"IMPORT_PLUGINS": f"{UNPACK},{UNPACK}"}, {"INJECT_METADATA": "a/b c=1"}],
)
def test_b13_settings_that_could_not_be_carried_out_end_the_start(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"import_plugins|inject_metadata"):
        load(CatalogSettings, {"IMPRINT_DATA": "x", **{f"IMPRINT_{name}": value for name, value in given.items()}})


def test_b13_each_step_is_a_word_in_the_listed_order_and_kept_in_the_jobs_timeline() -> None:
    world = World(settings=INJECTING)
    accepted = world.import_(plugins=BOTH)
    world.started(accepted.version)
    assert step(world, accepted.version) == []
    assert properties(world, accepted.image) == {}, "the source did not pass the gate yet"
    said = world.prepared(accepted.version)
    assert world.said(said) == ["image.changed", "version.stepped", "version.deployed", "image.available"]
    (word,) = [one.event for one in said if isinstance(one.event, VersionStepped)]
    assert (word.step, word.position, word.steps) == (INJECT, 2, 2)
    kept = [name for name in timeline(world, accepted.job) if "stepped" in name or "deployed" in name]
    assert kept == ["source.stepped.v1", "version.stepped.v1", "version.deployed.v1"]
    assert world.version(accepted.version).stepped == 2
    assert world.job_state(accepted.job) == "SUCCESS"


def test_b13_revisions_count_up_without_a_gap_with_steps_between() -> None:
    world = World(settings=INJECTING)
    version = world.import_(plugins=BOTH).version
    world.prepared(version)
    found = [one.revision for one in world.events() if type(one).about == "version" and hasattr(one, "revision")]
    assert found == [1, 2, 3, 4]
    assert [type(one).words() for one in world.events() if isinstance(one, VersionStepped | VersionDeployed)] == [
        "version.stepped",
        "version.deployed",
    ]


def test_b13_a_step_of_the_hub_that_is_listed_before_one_of_the_pod_is_done_before_that_is_believed() -> None:
    world = World(settings=INJECTING)
    accepted = world.import_(plugins=(INJECT, UNPACK))
    assert world.said(world.started(accepted.version)) == ["image.changed", "version.started", "version.stepped"]
    assert world.version(accepted.version).stepped == 1
    step(world, accepted.version, position=2)
    assert world.version(accepted.version).stepped == 2
    assert world.said(world.prepared(accepted.version)) == ["version.deployed", "image.available"]
    late = world.import_(plugins=(INJECT, UNPACK))
    assert world.said(step(world, late.version, position=2)) == ["version.started", "version.stepped"]
    assert world.version(late.version).stepped == 2


@pytest.mark.parametrize(
    "given",
    [
        {"position": 2},
        {"position": 0},
        {"position": -1},
        {"position": 99},
        {"name": INJECT},
        {"name": "none_such"},
        {"pod": "pod-2"},
        {"attempt": 2},
    ],
)
def test_b13_a_step_that_is_not_the_pods_or_not_the_next_one_means_nothing(given: dict[str, Any]) -> None:
    world = World(settings=INJECTING)
    accepted = world.import_(plugins=BOTH)
    world.started(accepted.version)
    before = timeline(world, accepted.job)
    assert step(world, accepted.version, **given) == []
    assert world.version(accepted.version).stepped == 0
    assert timeline(world, accepted.job) == before


def test_b13_a_step_that_is_told_again_and_a_sign_of_life_are_no_steps_of_the_job() -> None:
    world = World(settings=INJECTING)
    accepted = world.import_(plugins=BOTH)
    for _ in range(3):
        world.started(accepted.version)
        step(world, accepted.version)
    kept = timeline(world, accepted.job)
    assert (kept.count("source.started.v1"), kept.count("source.stepped.v1")) == (1, 1)
    world.prepared(accepted.version)
    assert step(world, accepted.version) == []


def test_b13_signs_of_life_keep_the_hub_from_asking_again() -> None:
    world = World()
    accepted = world.import_(plugins=BOTH)
    for _ in range(5):
        assert world.pass_time(SETTINGS.import_silence - 1) == []
        world.started(accepted.version)
    (again,) = world.events(world.pass_time(SETTINGS.import_silence))
    assert again.plugins == BOTH, "as they were when it was accepted"


def test_b13_an_import_whose_pod_lost_the_words_of_its_steps_comes_to_its_end() -> None:
    world = World(settings=INJECTING)
    accepted = world.import_(plugins=BOTH)
    assert "version.deployed" in world.said(world.prepared(accepted.version))
    assert world.version(accepted.version).stepped == 2


def test_b13_properties_are_written_once_audited_as_an_edit_and_what_was_there_stays() -> None:
    world = World(settings=INJECTING)
    image = world.register("base", details=Details(properties={"own": 1, "site": "paris"}))
    world.deployed(plugins=(INJECT,))
    assert properties(world, image.id) == {"own": 1, "site": "berlin", "house.checked": "true", "house.rank": "7"}
    (entry,) = [
        row
        for statement, row in world.writes
        if statement == AUDIT and row[5] == image.id and b"berlin" in row[8].encode()
    ]
    assert (entry[3], entry[4]) == ("pod:pod-1", "source.prepared")
    assert "paris" in entry[7]
    said = world.said(world.prepared(world.import_(plugins=(INJECT,)).version))
    assert "image.changed" not in said
    assert "version.stepped" in said


def test_b13_an_import_that_fails_writes_nothing() -> None:
    world = World(settings=INJECTING)
    accepted = world.import_(plugins=(INJECT,))
    world.say(SourceInspected(version=accepted.version, attempt=1, size=1), "pod:pod-1")
    world.rejected(accepted.version)
    assert properties(world, accepted.image) == {}
    wrong = world.import_(plugins=(INJECT,))
    world.prepared(wrong.version, of=msgspec.structs.replace(manifest(), disks=()))
    assert world.state(wrong.version) == "FAILED"
    assert properties(world, wrong.image) == {}


def test_b13_an_image_that_is_made_by_the_import_gets_them_and_an_edit_of_an_old_revision_is_refused() -> None:
    world = World(settings=INJECTING)
    image = world.register("base")
    world.deployed(plugins=(INJECT,))
    old = EditImage(
        id=world.command_id(), actor=ADA, image="base", changes={"description": "x"}, revision=image.revision
    )
    refused(world.ask(old), "revision_mismatch")


def test_b13_what_an_operator_protected_or_a_schema_forbids_is_left_out_with_a_warning() -> None:
    world = World(settings=INJECTING)
    root = msgspec.structs.replace(ADA, roles=("operator",))
    namespace = house(checked=Property(type="boolean"), rank=Property(type="integer", protected=True))
    world.ask(SetNamespace(id=world.command_id(), actor=root, namespace=namespace))
    accepted = world.deployed(plugins=(INJECT,))
    assert properties(world, accepted.image) == {"site": "berlin", "house.checked": True}
    (warning,) = world.version(accepted.version).warnings
    assert "house.rank was left out" in warning


def test_b13_a_retry_has_the_same_plugins() -> None:
    world = World()
    accepted = world.import_(plugins=BOTH)
    world.rejected(accepted.version)
    again: Any = world.ask(RetryJob(id=world.command_id(), actor=ADA, job=accepted.job))
    assert world.version(again.version).plugins == BOTH


@settings(max_examples=60, deadline=None)
@given(
    plugins=st.sampled_from([(UNPACK,), (INJECT,), BOTH, (INJECT, UNPACK)]),
    words=st.lists(st.sampled_from(["started", "stepped", "inspected"]), max_size=8),
)
def test_b13_in_whatever_order_words_come_each_step_of_the_hub_is_done_once_before_the_version_is_there(
    plugins: tuple[str, ...], words: list[str]
) -> None:
    world = World(settings=INJECTING)
    version = world.import_(plugins=plugins).version
    for word in words:
        match word:
            case "started":
                world.started(version)
            case "stepped":
                step(world, version, position=plugins.index(UNPACK) + 1 if UNPACK in plugins else 1)
            case "inspected":
                world.say(SourceInspected(version=version, attempt=1, size=4096), "pod:pod-1")
    world.prepared(version)
    for _ in range(2):
        step(world, version, position=1)
        world.prepared(version)
    said = [one for one in world.events() if isinstance(one, VersionStepped | VersionDeployed)]
    own = [(name, position) for position, name in enumerate(plugins, 1) if name == INJECT]
    assert [(one.step, one.position) for one in said if isinstance(one, VersionStepped)] == own
    assert isinstance(said[-1], VersionDeployed)
    assert world.version(version).stepped == len(plugins)


@pytest.mark.parametrize(
    ("plugins", "done", "prepared", "positions"),
    [
        ((), 0, True, ()),
        (BOTH, 0, False, ()),
        (BOTH, 1, False, ()),
        (BOTH, 0, True, (2,)),
        (BOTH, 2, True, ()),
        ((INJECT, UNPACK), 0, False, (1,)),
        ((INJECT, UNPACK), 1, True, ()),
        ((INJECT,), 0, False, ()),
        ((INJECT,), 0, True, (1,)),
    ],
)
def test_b13_which_steps_of_the_hub_are_due(
    plugins: tuple[str, ...], done: int, prepared: bool, positions: tuple[int, ...]
) -> None:
    assert due(plugins, done, prepared=prepared) == positions


def test_b13_steps_only_go_on() -> None:
    assert stepped(BOTH, 0, UNPACK, 1) == 1
    assert stepped(BOTH, 1, UNPACK, 1) == 1
    assert stepped((INJECT, UNPACK), 0, UNPACK, 2) == 0
    assert stepped((), 0, UNPACK, 1) == 0


def test_b13_an_image_has_no_more_properties_than_any() -> None:
    full = {f"p{n}": n for n in range(64)}
    found = injected(full, {"p1": "new", "one.more": "x"}, {})
    assert (len(found.properties), found.properties["p1"]) == (64, "new")
    assert "one.more was left out" in found.warnings[0]
