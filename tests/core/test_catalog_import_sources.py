"""What the hub itself holds against an import: kinds of source, modes, snapshots, what the image is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from catalog.domain import admitting
from contracts.definition import Capsule, Component, Details, Feature, Uefi
from contracts.events.from_pods import SourcePrepared
from contracts.events.to_pods import SourceRequested
from contracts.manifest import Source
from contracts.requests import Actor, ImportVersion
from core.catalog_world import ADA, EVE, SOURCE, World, manifest, refused
from core.driver import START

OPERATOR = Actor(tenant="provider", name="root", roles=("operator",))
CAPSULE = Capsule(components=(Component(name="app", version="1", sha256="a" * 64),), install="run me", remove="gone")


def source(kind: Any, name: str = "golden", **more: Any) -> Source:
    return Source(pod="pod-1", kind=kind, name=name, **more)


def asked(world: World) -> SourceRequested:
    (found,) = [event for event in world.events() if isinstance(event, SourceRequested)]
    return found


@pytest.mark.parametrize("kind", ["vm", "file", "disk", "snapshot", "template", "upload"])
def test_b8_an_import_from_each_kind_of_source_is_accepted_and_its_pod_is_asked_for_it(kind: str) -> None:
    world = World()
    accepted = world.import_(source=source(kind))
    assert asked(world).source == source(kind)
    assert world.version(accepted.version).source.kind == kind


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a source of a kind that is still to come", {"source": source("url")}, "source_kind_unsupported"),
    ("a bundle", {"source": source("bundle")}, "source_kind_unsupported"),
    ("a version by its id", {"source": source("version", "a" * 32)}, "source_invalid"),
    ("neither source nor origin", {"source": None}, "source_invalid"),
    ("b3 a volume cannot be converted", {"source": source("disk"), "mode": "convert"}, "source_invalid"),
    ("b3 a snapshot cannot be converted", {"source": source("snapshot"), "mode": "convert"}, "source_invalid"),
    ("b3 a template cannot be converted", {"source": source("template"), "mode": "convert"}, "source_invalid"),
    ("b3 a convert that would lose disks", {"source": source("vm", disks="os"), "mode": "convert"}, "source_invalid"),
    ("b2 a snapshot of what is deleted", {"snapshot": True, "mode": "convert"}, "snapshot_convert"),
    ("b2 a snapshot that is named and not asked for", {"snapshot_name": "before"}, "source_invalid"),
    ("b2 a snapshot of a file", {"snapshot": True, "source": source("file")}, "source_invalid"),
    ("f1 an end of life that passed", {"end_of_life": START}, "end_of_life_invalid"),
    ("f1 an end of life without a zone", {"end_of_life": datetime(2030, 1, 1)}, "end_of_life_invalid"),  # noqa: DTZ001
    ("g2 a capsule of an image that is none", {"capsule": CAPSULE}, "class_invalid"),
    ("g2 a capsule image without one", {"image_class": "capsule"}, "capsule_invalid"),
    ("g1 the provider's class", {"image_class": "standard"}, "class_read_only"),
    ("b4 qcow2 for voi of windows", {"desktop_kind": "VOI", "os_type": "windows", "file_type": "qcow2"},
     "file_type_mismatch"),
    ("b4 vhd for voi of linux", {"desktop_kind": "VOI", "file_type": "vhd"}, "file_type_mismatch"),
    ("b4 raw for tci", {"desktop_kind": "TCI", "file_type": "raw"}, "file_type_mismatch"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_the_hub_knows_of_a_source_is_refused_at_once_and_changes_nothing(
    given: dict[str, Any], code: str
) -> None:
    world = World()
    before = dict(world.documents)
    refused(world.import_(**given), code)
    assert (world.documents, world.emitted) == (before, [])


def test_b4_the_refusal_of_a_file_type_names_the_one_that_is_expected() -> None:
    problem = World().import_(desktop_kind="VOI", os_type="windows", file_type="qcow2")
    assert problem.data == {"file_type": "qcow2", "expected": "vhd"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"os_type": "linux"}, "os_mismatch"),
        ({"os_state": "generalized"}, "os_mismatch"),
        ({"generation": "V1"}, "os_mismatch"),
        ({"architecture": "arm64"}, "os_mismatch"),
        ({"image_class": "capsule"}, "property_change_not_allowed"),
        ({"desktop_kind": "VDI"}, "property_change_not_allowed"),
        ({"flavour": "thin"}, "property_change_not_allowed"),
        ({"file_type": "qcow2"}, "file_type_mismatch"),
    ],
)
def test_a5_an_import_that_speaks_of_another_image_than_the_one_that_is_there_is_refused(
    given: dict[str, Any], code: str
) -> None:
    world = World()
    world.register("base", os_type="windows", os_state="specialized", generation="V2", desktop_kind="VOI")
    refused(world.import_(**given), code)
    world.import_(os_type="windows", os_state="specialized", generation="V2", desktop_kind="VOI", file_type="vhd")


def test_a5_what_the_image_is_goes_to_the_pod_for_it_to_check() -> None:
    world = World()
    features = (
        Feature(name="IsAcceleratedNetworkSupported", value="True"),
        Feature(name="DiskControllerType", value="SCSI, NVMe", starts_at_version="2.0"),
    )
    world.register("base", os_state="specialized", desktop_kind="TCI", details=Details(features=features))
    world.import_()
    expects = asked(world).expects
    assert (expects.os_type, expects.os_state, expects.generation) == ("linux", "specialized", "V1")
    assert (expects.accelerated_network, expects.nvme, expects.formats) == (True, False, ("qcow2",))
    world.import_(number="2.0.0")
    assert world.events()[-1].expects.nvme is True


def test_b2_a_clone_with_a_snapshot_asks_for_it_by_name_and_says_that_it_is_no_backup() -> None:
    world = World()
    accepted = world.import_(snapshot=True, snapshot_name="before-patches")
    assert asked(world).snapshot == "before-patches"
    assert any("no backup" in text for text in world.version(accepted.version).warnings)
    world.import_(snapshot=True)
    assert world.events()[-1].snapshot == "golden-1.1.0"
    world.import_()
    assert world.events()[-1].snapshot is None


def test_b2_the_name_that_a_snapshot_gets_is_one_that_a_pod_takes() -> None:
    world = World()
    world.import_(snapshot=True, source=source("vm", "x" * 80), number="123456789.0.0")
    name = asked(world).snapshot or ""
    assert len(name) == 80
    assert name.endswith("-123456789.0.0")


def test_b9_a_version_of_a_specialized_image_warns_of_host_names_that_collide() -> None:
    world = World()
    special = world.import_(os_state="specialized")
    assert any("host name" in text for text in world.version(special.version).warnings)
    assert world.version(world.import_("other").version).warnings == ()


def test_what_an_import_says_of_its_version_is_kept() -> None:
    world = World()
    end, uefi = START + timedelta(days=9), Uefi(signature_templates=("NoSignatureTemplate",), pk="cGs=")
    accepted = world.import_(
        image_class="capsule",
        capsule=CAPSULE,
        uefi=uefi,
        end_of_life=end,
        description="with patches",
        release_notes="many",
        exclude_from_latest=True,
    )
    version = world.version(accepted.version)
    assert (version.capsule, version.uefi, version.life.end_of_life) == (CAPSULE, uefi, end)
    assert (version.description, version.release_notes, version.excluded) == ("with patches", "many", True)


def test_a7_a_version_that_is_excluded_at_import_is_excluded_in_every_state_on_its_way() -> None:
    world = World()
    accepted = world.import_(exclude_from_latest=True)
    states = [world.version(accepted.version)]
    for step in (world.started, world.prepared):
        step(accepted.version)
        states.append(world.version(accepted.version))
    assert all(version.excluded for version in states)


def test_warnings_of_the_pod_join_those_of_the_hub_and_are_bounded() -> None:
    world = World()
    accepted = world.import_(snapshot=True)
    words = tuple(f"{number} {'x' * 9999}" for number in range(99))
    prepared = SourcePrepared(
        version=accepted.version, attempt=1, manifest=manifest(), datastore="main", warnings=words
    )
    world.say(prepared, "pod:pod-1")
    warnings = world.version(accepted.version).warnings
    assert "no backup" in warnings[0]
    assert len(warnings) <= 17
    assert all(len(text) <= 512 for text in warnings)


def test_g1_only_an_operator_imports_into_an_image_of_the_standard_class() -> None:
    world = World()
    made = world.import_("base", OPERATOR, image_class="standard")
    refused(world.import_(made.image), "class_read_only")
    refused(world.import_(made.image, EVE), "class_read_only")
    assert world.import_(made.image, OPERATOR).image == made.image


def test_the_job_of_an_import_keeps_the_command_that_it_carries_out() -> None:
    world = World()
    accepted = world.import_(description="again, please", datastore="fast")
    command = msgspec.json.decode(world.job(accepted.job).asked, type=ImportVersion)
    assert (command.description, command.datastore, command.source) == ("again, please", "fast", SOURCE)
    assert command.actor == ADA


def test_every_end_of_life_is_held_against_the_time_of_the_command() -> None:
    command = ImportVersion(id="1" * 32, actor=ADA, image="a", source=SOURCE, end_of_life=START + timedelta(seconds=1))
    assert admitting.objection_to(command, START) is None
    assert admitting.objection_to(command, START + timedelta(seconds=1)) is not None
    assert admitting.objection_to(command, datetime(2030, 1, 1, tzinfo=UTC)) is not None
