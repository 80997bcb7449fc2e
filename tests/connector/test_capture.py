"""Whether a source is what the image says: the table of capture checks."""

import pytest

from connector.domain.capture import Traits, objection, objection_to_format, objection_to_size
from contracts.events.to_pods import Expected

IMAGE = Expected(os_type="linux", os_state="generalized", generation="V1", architecture="x64", nvme=False)


def vm(**said: object) -> Traits:
    return Traits(described=True, **said)  # type: ignore[arg-type]


FITS: list[tuple[str, Traits, Expected]] = [
    ("a file says nothing", Traits(), IMAGE),
    ("a file is not asked for features", Traits(), Expected(accelerated_network=True, hibernate=True)),
    ("a vm that says nothing", vm(), IMAGE),
    ("a vm that is the same", vm(os_type="linux", os_state="generalized", generation="V1", architecture="x64"), IMAGE),
    ("accelerated", vm(capabilities=("accelerated_network",)), Expected(accelerated_network=True)),
    ("hibernation is not said", vm(), Expected(hibernate=True)),
    ("nvme into an image that names it", vm(capabilities=("nvme",)), Expected(nvme=True)),
    ("nvme that nobody asked about", vm(capabilities=("nvme",)), Expected()),
    ("the same security type", vm(security="TrustedLaunch"), Expected(security_type="TrustedLaunch")),
    ("a supported type takes any", vm(security="Standard"), Expected(security_type="TrustedLaunchSupported")),
    ("standard takes any", vm(security="TrustedLaunch"), Expected(security_type="Standard")),
    ("a guest state of trusted launch", vm(capabilities=("guest_state",)), Expected(security_type="TrustedLaunch")),
]

MISFITS: list[tuple[str, Traits, Expected, str, str]] = [
    ("another system", vm(os_type="windows"), IMAGE, "os_mismatch", "os_type"),
    ("another state", vm(os_state="specialized"), IMAGE, "os_mismatch", "os_state"),
    ("another generation", vm(generation="V2"), IMAGE, "os_mismatch", "generation"),
    ("another architecture", vm(architecture="arm64"), IMAGE, "os_mismatch", "architecture"),
    ("not accelerated", vm(), Expected(accelerated_network=True), "feature_missing", "IsAcceleratedNetworkSupported"),
    ("nor said to be", vm(capabilities=("nvme",)), Expected(accelerated_network=True), "feature_missing",
     "IsAcceleratedNetworkSupported"),
    ("no hibernation", vm(capabilities=()), Expected(hibernate=True), "feature_missing", "IsHibernateSupported"),
    ("nvme", vm(capabilities=("nvme",)), IMAGE, "feature_missing", "DiskControllerType"),
    ("another security type", vm(security="Standard"), Expected(security_type="ConfidentialVM"), "feature_missing",
     "SecurityType"),
    ("a guest state", vm(capabilities=("guest_state",)), Expected(security_type="ConfidentialVMSupported"),
     "feature_missing", "SecurityType"),
    ("a guest state of both", vm(capabilities=("guest_state",)),
     Expected(security_type="TrustedLaunchAndConfidentialVmSupported"), "feature_missing", "SecurityType"),
]  # fmt: skip


@pytest.mark.parametrize(("traits", "expects"), [row[1:] for row in FITS], ids=[row[0] for row in FITS])
def test_a_source_that_fits_the_image_is_taken(traits: Traits, expects: Expected) -> None:
    assert objection(traits, expects) is None


@pytest.mark.parametrize(
    ("traits", "expects", "code", "named"), [row[1:] for row in MISFITS], ids=[row[0] for row in MISFITS]
)
def test_a5_h3_a_source_that_does_not_fit_is_refused_and_what_differs_is_named(
    traits: Traits, expects: Expected, code: str, named: str
) -> None:
    failure = objection(traits, expects)
    assert failure is not None
    assert (failure.code, failure.retry) == (code, False)
    assert named in failure.text
    assert failure.hint


def test_b4_the_os_disk_has_a_format_that_the_image_takes() -> None:
    assert objection_to_format("qcow2", Expected(formats=("qcow2",))) is None
    assert objection_to_format("raw", Expected()) is None
    failure = objection_to_format("raw", Expected(formats=("vhd",)))
    assert failure is not None
    assert failure.code == "file_type_mismatch"
    assert "vhd" in failure.text


def test_i3_what_the_quotas_have_no_room_for_is_not_read() -> None:
    assert objection_to_size(10, None) is None
    assert objection_to_size(10, 10) is None
    failure = objection_to_size(11, 10)
    assert failure is not None
    assert failure.code == "quota_exceeded"
