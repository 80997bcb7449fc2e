"""Whether an assignment and a version fit: tables (features.md H1, B6, G4, d.5, "Settled")."""

from typing import Any, get_args

import msgspec
import pytest

from catalog.domain import fitting
from catalog.domain.fitting import Asked
from catalog.domain.image import Available
from contracts.definition import Details, Feature, SecurityType
from contracts.desktops import Account, Customisation, DataDisk, Endpoint, Shape
from contracts.errors import Problem
from core.catalog_world import START, disk, manifest

GIB = 2**30
KINDS = ("standard", "trusted_launch", "confidential")
HOST = Customisation(host_name="desk-{n}", accounts=(Account(name="ada"),))


def image(**given: Any) -> Available:
    details = {} if "details" not in given else given.pop("details")
    return Available(
        **{
            "gallery": "default",
            "name": "base",
            "tenant": "acme",
            "os_type": "linux",
            "os_state": "generalized",
            "generation": "V2",
            "architecture": "x64",
            "description": "",
            "created": START,
            "revision": 1,
            "details": msgspec.convert(details, Details),
            **given,
        }
    )


def objection(asked: Asked, of: Available, **given: Any) -> str | None:
    found = fitting.objection(asked, of, "1.0.0", given.pop("content", manifest()), given.pop("models", None))
    assert found is None or (found.status >= 400 and found.hint)
    return None if found is None else found.code


@pytest.mark.parametrize(
    ("security", "allowed"),
    [
        ("Standard", {"standard"}),
        ("TrustedLaunch", {"trusted_launch"}),
        ("TrustedLaunchSupported", {"standard", "trusted_launch"}),
        ("ConfidentialVM", {"confidential"}),
        ("ConfidentialVMSupported", {"standard", "confidential"}),
        ("TrustedLaunchAndConfidentialVmSupported", {"standard", "trusted_launch", "confidential"}),
    ],
)
def test_s5_the_security_type_decides_which_kinds_of_vm_may_be_made(security: str, allowed: set[str]) -> None:
    of = image(details={"features": [{"name": "SecurityType", "value": security}]})
    made = {
        kind
        for kind in KINDS
        if objection(Asked(customisation=HOST, shape=msgspec.convert({"vm_kind": kind}, Shape)), of) is None
    }
    assert made == allowed


def test_s5_every_security_type_has_its_kinds() -> None:
    assert set(fitting.KINDS) == set(get_args(SecurityType))


def test_h3_a_security_type_that_starts_later_does_not_hold_for_versions_before() -> None:
    feature = Feature(name="SecurityType", value="TrustedLaunch", starts_at_version="2.0.0")
    of = msgspec.structs.replace(image(), details=Details(features=(feature,)))
    trusted = Asked(customisation=HOST, shape=Shape(vm_kind="trusted_launch"))
    assert objection(trusted, of) == "security_type_mismatch"
    assert fitting.objection(trusted, of, "2.0.0", manifest(), None) is None


@pytest.mark.parametrize(
    ("os_state", "given", "code"),
    [
        ("generalized", HOST, None),
        ("generalized", None, "customisation_required"),
        ("specialized", None, None),
        ("specialized", HOST, "customisation_refused"),
    ],
)
def test_d5_customisation_is_required_or_refused_by_os_state(
    os_state: str, given: Customisation | None, code: str | None
) -> None:
    assert objection(Asked(customisation=given), image(os_state=os_state)) == code


@pytest.mark.parametrize(
    ("pattern", "seats", "code"),
    [
        ("desk-{n}", 200, None),
        ("desk-{pod}-{n}", 2, None),
        ("desk", 1, None),
        ("desk", 2, "validation_failed"),
        ("desk-{m}", 1, "validation_failed"),
        ("desk-{n", 1, "validation_failed"),
        ("d" * 57 + "{n}", 200, None),
    ],
)
def test_d5_host_names_are_patterns_with_the_seats_number(pattern: str, seats: int, code: str | None) -> None:
    asked = Asked(seats=seats, customisation=Customisation(host_name=pattern))
    assert objection(asked, image()) == code


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ({}, None),
        ({"memory_mib": 2047}, "requirements_not_met"),
        ({"memory_mib": 2048}, None),
        ({"memory_mib": 8192}, None),
        ({"memory_mib": 8193}, "requirements_not_met"),
        ({"disk_gib": 9}, "requirements_not_met"),
        ({"disk_gib": 10}, "requirements_not_met"),
        ({"disk_gib": 16}, None),
        ({"vcpus": 64}, None),
    ],
)
def test_h1_hard_bounds_refuse(shape: dict[str, int], code: str | None) -> None:
    of = image(details={"min_ram_mib": 2048, "max_ram_mib": 8192, "min_disk_gib": 10, "vcpus": {"min": 2, "max": 8}})
    content = manifest(disk(virtual_size=16 * GIB))
    assert objection(Asked(customisation=HOST, shape=msgspec.convert(shape, Shape)), of, content=content) == code


@pytest.mark.parametrize(
    ("shape", "count"),
    [({}, 0), ({"vcpus": 1}, 1), ({"vcpus": 9}, 1), ({"vcpus": 4}, 0), ({"vcpus": 9, "memory_mib": 1}, 2)],
)
def test_h1_recommendations_that_do_not_hold_are_warnings(shape: dict[str, int], count: int) -> None:
    of = image(details={"vcpus": {"min": 2, "max": 8}, "memory_mib": {"min": 1024}})
    said = fitting.warnings(Asked(customisation=HOST, shape=msgspec.convert(shape, Shape)), of, None)
    assert len(said) == count, said


def test_b9_seats_of_a_specialized_image_share_their_name_and_that_is_said() -> None:
    assert fitting.warnings(Asked(seats=2), image(os_state="specialized"), None)
    assert not fitting.warnings(Asked(seats=1), image(os_state="specialized"), None)


@pytest.mark.parametrize(
    ("kind", "endpoints", "code"),
    [
        (None, (), None),
        ("VDI", (), None),
        ("VDI", ("m",), "endpoints_invalid"),
        ("IDV", (), None),
        ("TCI", (), None),
        ("VOI", ("m",), None),
        ("VOI", ("m", "x"), None),
        ("VOI", ("x",), "flavour_mismatch"),
        ("VOI", (), "endpoints_invalid"),
    ],
)
def test_b6_g4_voi_images_go_to_endpoints_of_their_models(
    kind: str | None, endpoints: tuple[str, ...], code: str | None
) -> None:
    asked = Asked(
        customisation=HOST, endpoints=tuple(Endpoint(name=f"e{n}", model=one) for n, one in enumerate(endpoints))
    )
    assert objection(asked, image(desktop_kind=kind), models=("m",)) == code


def test_b6_a_general_image_goes_to_any_model() -> None:
    asked = Asked(endpoints=(Endpoint(name="e", model="whatever"),))
    assert objection(asked, image(desktop_kind="VOI")) is None


@pytest.mark.parametrize(("luns", "code"), [((), None), ((2, 3), None), ((1,), "disk_exists"), ((2, 2), "disk_exists")])
def test_b5_each_disk_has_a_lun_of_its_own(luns: tuple[int, ...], code: str | None) -> None:
    disks = tuple(DataDisk(lun=lun, size_gib=1) for lun in luns)
    assert objection(Asked(customisation=HOST, disks=disks), image()) == code


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"os_type": "windows"}, "os_type"),
        ({"generation": "V1"}, "generation"),
        ({"os_state": "specialized"}, "os_state"),
        ({"desktop_kind": "VOI"}, "desktop_kind"),
        ({"architecture": "arm64"}, None),
        ({"desktop_kind": "IDV"}, None),
    ],
)
def test_s5_what_a_switch_must_leave_the_same(change: dict[str, str], field: str | None) -> None:
    found = fitting.objection_to_switch(image(), manifest(), image(**change), manifest())
    assert (found.data["field"] if isinstance(found, Problem) else None) == field


def test_s5_a_switch_leaves_the_disk_layout_the_same() -> None:
    found = fitting.objection_to_switch(image(), manifest(), image(), manifest(disk(), disk("data", 2)))
    assert found is not None
    assert found.code == "switch_incompatible"
