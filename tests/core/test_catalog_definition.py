"""What the definition of an image may say, and what it asks of sources and pods."""

from datetime import timedelta
from typing import Any, cast, get_args

import msgspec
import pytest

from catalog.documents import IMAGE
from catalog.domain.defining import (
    KINDS_OF,
    ONLY_PRIVATE,
    VALUES,
    objection_to_end_of_life,
    objection_to_publicity,
)
from catalog.domain.definition import (
    expected,
    feature,
    file_types,
    objection_to_capsule,
    requirements,
    security_type,
    under,
)
from catalog.domain.image import Image, Registered
from catalog.domain.kinds import ALLOWED, kind_of, objection
from contracts.definition import (
    Architecture,
    Capsule,
    Component,
    DesktopKind,
    Details,
    Feature,
    PurchasePlan,
    Range,
    SecurityType,
)
from contracts.errors import Problem
from contracts.events.to_pods import Expected
from contracts.requests import Actor
from contracts.terms import Requirements, Terms
from contracts.views import ImageView
from core.catalog_world import World, disk, manifest, refused
from core.driver import START

OPERATOR = Actor(tenant="house", name="olga", roles=("operator",))


def feature_of(name: Any, value: str, start: str | None = None) -> Feature:
    return Feature(name=name, value=value, starts_at_version=start)


def an_image(**given: Any) -> Image:
    return Registered(
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
        }
        | given
    )


# --- what a definition may say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (Details(vcpus=Range(min=8, max=2)), "details.vcpus"),
        (Details(memory_mib=Range(min=4096, max=1024)), "details.memory_mib"),
        (Details(min_ram_mib=4096, max_ram_mib=1024), "details.min_ram_mib"),
        (Details(min_ram_mib=4096, memory_mib=Range(max=1024)), "details.memory_mib"),
        (Details(max_ram_mib=1024, memory_mib=Range(min=4096)), "details.memory_mib"),
    ],
)
def test_h1_a_minimum_above_its_maximum_is_refused(details: Details, field: str) -> None:
    assert refused(World().register(details=details), "range_invalid").data["field"] == field


@pytest.mark.parametrize(
    "details",
    [
        Details(vcpus=Range(min=2, max=2), memory_mib=Range(max=8192)),
        Details(vcpus=Range(min=0)),
        Details(min_ram_mib=1024, max_ram_mib=1024, memory_mib=Range(min=1024, max=1024)),
    ],
)
def test_h1_ranges_that_hold_are_kept(details: Details) -> None:
    assert World().register(details=details).details == details


def test_f1_an_end_of_life_lies_in_the_future_and_has_a_time_zone() -> None:
    world = World()
    for end in (START, START - timedelta(days=1), (START + timedelta(days=1)).replace(tzinfo=None)):
        problem = refused(world.register(details=Details(end_of_life=end)), "end_of_life_invalid")
        assert problem.data["field"] == "details.end_of_life"
    assert objection_to_end_of_life(None, START) is None
    assert isinstance(world.register(details=Details(end_of_life=START + timedelta(seconds=1))), ImageView)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_h3_a_feature_has_the_values_of_the_table_and_no_other(name: str) -> None:
    for value in VALUES[name]:
        view = World().register(generation="V2", details=Details(features=(feature_of(name, value),)))
        assert isinstance(view, ImageView), view
    for value in ("true", "1", "nvme", "Trusted"):
        details = Details(features=(feature_of(name, value),))
        assert refused(World().register(generation="V2", details=details), "feature_invalid").data["feature"] == name


def test_h3_a_feature_is_named_once_and_is_one_of_the_table() -> None:
    one = feature_of("IsHibernateSupported", "True")
    refused(World().register(details=Details(features=(one, one))), "feature_invalid")
    refused(World().register(details=Details(features=(feature_of("IsFast", "True"),))), "feature_invalid")


@pytest.mark.parametrize("value", get_args(SecurityType))
def test_h3_every_security_type_but_standard_needs_generation_v2(value: str) -> None:
    details = Details(features=(feature_of("SecurityType", value),))
    found = World().register(generation="V1", details=details)
    if value == "Standard":
        assert isinstance(found, ImageView)
    else:
        refused(found, "feature_invalid")


@pytest.mark.parametrize("value", get_args(SecurityType))
def test_h3_images_of_the_only_types_are_for_private_galleries(value: str) -> None:
    details = Details(features=(feature_of("SecurityType", value),))
    assert (objection_to_publicity(details) is None) is (value not in ONLY_PRIVATE)
    found = World().register("gold", OPERATOR, generation="V2", image_class="standard", details=details)
    if value in ONLY_PRIVATE:
        assert refused(found, "not_shareable").status == 409
    else:
        assert isinstance(found, ImageView)


def test_h5_an_eula_that_is_required_is_there() -> None:
    refused(World().register(details=Details(require_eula=True)), "validation_failed")
    for given in ({"eula": "Be kind."}, {"eula_uri": "https://example.com/eula"}):
        assert isinstance(World().register(details=Details(require_eula=True, **cast(Any, given))), ImageView)


def test_g7_a_purchase_plan_has_all_its_parts() -> None:
    plan = PurchasePlan(name="gold", publisher="acme", product="desktop")
    assert World().register(details=Details(purchase_plan=plan)).details.purchase_plan == plan
    for part in PurchasePlan.__struct_fields__:
        less = {name: value for name, value in msgspec.to_builtins(plan).items() if name != part}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(less, PurchasePlan)


# --- kinds of desktop -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", get_args(Architecture))
@pytest.mark.parametrize("kind", [None, *get_args(DesktopKind)])
def test_g4_arm_hosts_have_neither_idv_nor_voi(architecture: str, kind: Any) -> None:
    found = World().register(architecture=architecture, desktop_kind=kind)
    if architecture == "arm64" and kind in ("IDV", "VOI"):
        refused(found, "desktop_kind_invalid")
        assert kind not in KINDS_OF[architecture]
    else:
        assert found.desktop_kind == kind


@pytest.mark.parametrize(
    ("kind", "os_type", "formats"),
    [
        ("TCI", "linux", ("qcow2",)),
        ("TCI", "windows", ("qcow2",)),
        ("VOI", "linux", ("qcow2",)),
        ("VOI", "windows", ("vhd",)),
        ("VDI", "windows", ()),
        ("IDV", "linux", ()),
        (None, "windows", ()),
    ],
)
def test_b4_the_file_type_follows_from_the_kind_of_desktop(kind: Any, os_type: str, formats: tuple[str, ...]) -> None:
    image = an_image(desktop_kind=kind, os_type=os_type)
    assert file_types(image) == formats
    assert expected(image, "1.0.0").formats == formats


# --- what is asked of a source ----------------------------------------------------------------------------------------


def test_a5_a_source_must_be_what_the_image_is() -> None:
    image = an_image(os_type="windows", os_state="specialized", generation="V1", architecture="arm64")
    assert expected(image, "1.0.0") == Expected(
        os_type="windows", os_state="specialized", generation="V1", architecture="arm64", nvme=False,
        security_type="Standard",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("features", "wanted"),
    [
        ((), (False, False, False)),
        ((feature_of("IsAcceleratedNetworkSupported", "True"),), (True, False, False)),
        ((feature_of("IsAcceleratedNetworkSupported", "False"),), (False, False, False)),
        ((feature_of("IsHibernateSupported", "True"),), (False, True, False)),
        ((feature_of("DiskControllerType", "SCSI"),), (False, False, False)),
        ((feature_of("DiskControllerType", "SCSI, NVMe"),), (False, False, True)),
    ],
)
def test_capture_checks_follow_from_the_features(features: tuple[Feature, ...], wanted: tuple[bool, ...]) -> None:
    found = expected(an_image(details=Details(features=features)), "1.0.0")
    assert (found.accelerated_network, found.hibernate, found.nvme) == wanted


@pytest.mark.parametrize(
    ("start", "number", "there"),
    [
        (None, "1.0.0", True),
        ("1.2", "1.1.9", False),
        ("1.2", "1.2.0", True),
        ("1.2.0", "1.10.0", True),
        ("2.0.0", "1.99.99", False),
    ],
)
def test_h3_a_feature_begins_at_its_version(start: str | None, number: str, there: bool) -> None:
    image = an_image(details=Details(features=(feature_of("SecurityType", "TrustedLaunch", start),)))
    assert (feature(image, number, "SecurityType") is not None) is there
    assert security_type(image, number) == ("TrustedLaunch" if there else "Standard")
    assert requirements(image, number).capabilities == (("trusted_launch",) if there else ())
    assert feature(image, number, "IsHibernateSupported") is None


# --- what is asked of pods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "capabilities"),
    [
        ("Standard", ()),
        ("TrustedLaunch", ("trusted_launch",)),
        ("TrustedLaunchSupported", ()),
        ("ConfidentialVM", ("confidential",)),
        ("ConfidentialVMSupported", ()),
        ("TrustedLaunchAndConfidentialVmSupported", ()),
    ],
)
def test_h3_only_types_ask_pods_for_the_hardware(value: str, capabilities: tuple[str, ...]) -> None:
    image = an_image(details=Details(features=(feature_of("SecurityType", value),), capabilities=("secureboot",)))
    assert requirements(image, "1.0.0").capabilities == ("secureboot", *capabilities)


def test_terms_of_an_image_that_asks_for_nothing_stay_as_they_are() -> None:
    terms = Terms(priority="high", requires=Requirements(families=("kvm",), hypervisors=("kvm",)))
    assert under(terms, an_image(), "1.0.0") is terms


def test_terms_that_already_have_what_the_image_asks_for_stay_as_they_are() -> None:
    image = an_image(
        details=Details(
            hypervisors=("kvm", "xen"), gpu_types=("nvidia",), capabilities=("b",), disallowed_disk_types=("hdd",)
        )
    )
    once = under(Terms(requires=Requirements(hypervisors=("xen", "vsphere"), capabilities=("a",))), image, "1.0.0")
    assert isinstance(once, Terms)
    assert once.requires == Requirements(
        hypervisors=("xen",), gpu_types=("nvidia",), capabilities=("b", "a"), disallowed_disk_types=("hdd",)
    )
    again = under(once, image, "1.0.0")
    assert again == once
    msgspec.convert(msgspec.to_builtins(again), Terms)


@pytest.mark.parametrize(
    "asked",
    [
        Requirements(hypervisors=("vsphere",)),
        Requirements(gpu_types=("amd",)),
        Requirements(capabilities=tuple(f"c{n}" for n in range(16))),
        Requirements(disallowed_disk_types=tuple(f"d{n}" for n in range(16))),
    ],
)
def test_terms_that_cannot_hold_together_with_the_image_are_refused(asked: Requirements) -> None:
    details = Details(hypervisors=("kvm",), gpu_types=("nvidia",), capabilities=("b",), disallowed_disk_types=("hdd",))
    found = under(Terms(requires=asked), an_image(details=details), "1.0.0")
    assert str(refused(found, "targets_invalid").data["field"]).startswith("requires.")


# --- capsules ---------------------------------------------------------------------------------------------------------


def component(name: str, *needs: str) -> Component:
    return Component(name=name, version="1", sha256="a" * 64, depends_on=needs)


def capsule(*components: Component) -> Capsule:
    return Capsule(components=components, install="./install", remove="./remove")


GOOD = capsule(
    component("app", "runtime", "fonts"), component("runtime", "libc"), component("libc"), component("fonts")
)


def test_g2_a_capsule_has_all_its_dependencies() -> None:
    image = an_image(image_class="capsule")
    assert objection_to_capsule(image, GOOD) is None


@pytest.mark.parametrize(
    "broken",
    [
        None,
        capsule(component("app"), component("app")),
        capsule(component("app", "runtime")),
        capsule(component("app", "app")),
        capsule(component("free"), component("app", "runtime"), component("runtime", "app", "free")),
    ],
)
def test_g2_a_capsule_that_does_not_fit_together_is_refused(broken: Capsule | None) -> None:
    refused(objection_to_capsule(an_image(image_class="capsule"), broken), "capsule_invalid")


@pytest.mark.parametrize("image_class", ["custom", "standard"])
def test_g2_images_of_other_classes_have_no_capsule(image_class: str) -> None:
    image = an_image(image_class=image_class)
    assert objection_to_capsule(image, None) is None
    refused(objection_to_capsule(image, GOOD), "class_invalid")


# --- kinds of version -------------------------------------------------------------------------------------------------

FULL = manifest(disk(), disk("data", 1))
SYSTEM = manifest(disk())
DATA = manifest(disk("data", 1), disk("data", 2))
ISO = msgspec.structs.replace(SYSTEM, traits=("iso",))


@pytest.mark.parametrize(
    ("content", "kind", "operations"),
    [
        (FULL, "full", {"publish", "copy", "assign", "switch"}),
        (SYSTEM, "system", {"publish", "copy", "assign", "switch"}),
        (DATA, "data", {"publish", "copy"}),
        (ISO, "iso", {"publish", "copy"}),
    ],
)
def test_g5_what_may_be_done_with_each_kind_of_version(content: Any, kind: str, operations: set[str]) -> None:
    assert kind_of(content) == kind
    for operation in ("publish", "copy", "assign", "switch"):
        found = objection(content, cast(Any, operation))
        if operation in operations:
            assert found is None
        else:
            problem = refused(found, "operation_unsupported")
            assert problem.data == {"kind": kind, "operation": operation}
    assert set(ALLOWED) == {"full", "system", "data", "iso"}


def test_an_image_of_an_earlier_database_asks_for_nothing_but_what_it_is() -> None:
    world = World()
    id = world.register().id
    body = msgspec.json.decode(world.documents["image", id])
    for name in ("details", "features", "identifier", "image_class", "desktop_kind", "flavour", "tags", "life",
                 "versions", "updated"):  # fmt: skip
        body.pop(name, None)
    world.documents["image", id] = msgspec.json.encode(body)
    image: Image | None = world.get(IMAGE, id)
    assert image is not None
    assert requirements(image, "1.0.0") == Requirements()
    assert not isinstance(under(Terms(), image, "1.0.0"), Problem)
