"""Whether a source is what the image says that its versions are (features.md A5, B4; Settled: capture checks).

A source whose descriptor does not say something is not held against it, but for accelerated networking: a VM that does
not name it lacks it. What has no descriptor (a disk file, a volume) says nothing at all.
"""

from typing import Literal

import msgspec

from contracts.errors import Failure
from contracts.events.to_pods import Expected
from contracts.manifest import Format

STEP = "inspect"
_GUEST_STATE = "guest_state"
"""The capability of a VM whose guest state (vTPM) is kept beside its disks."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says of itself. None: it does not say. ``described``: it has a descriptor. ``marks`` are the
    traits of the version that it is."""

    described: bool = False
    os_type: str | None = None
    os_state: str | None = None
    generation: str | None = None
    architecture: str | None = None
    capabilities: tuple[str, ...] | None = None
    security: str | None = None
    marks: tuple[Literal["iso", "encrypted"], ...] = ()


def objection(traits: Traits, expects: Expected) -> Failure | None:
    """Why the source may not become a version of the image; the feature is named."""
    for field in ("os_type", "os_state", "generation", "architecture"):
        wanted, found = getattr(expects, field), getattr(traits, field)
        if wanted is not None and found is not None and found != wanted:
            return Failure(
                code="os_mismatch",
                step=STEP,
                text=f"The source's {field} is {found[:80]}, the image's is {wanted}",
                hint="Import it into an image that is like it.",
            )
    if not traits.described:
        return None
    has = frozenset(traits.capabilities or ())
    said = traits.capabilities is not None
    if expects.accelerated_network and "accelerated_network" not in has:
        return _missing("IsAcceleratedNetworkSupported", "The VM has no accelerated networking")
    if expects.hibernate and said and "hibernate" not in has:
        return _missing("IsHibernateSupported", "The VM cannot hibernate")
    if expects.nvme is False and "nvme" in has:
        return _missing("DiskControllerType", "The VM has NVMe disks, and the image does not name NVMe")
    return _against_security(traits.security, has, expects.security_type)


def _against_security(own: str | None, has: frozenset[str], wanted: str) -> Failure | None:
    if wanted.endswith("Supported"):
        if "Confidential" in wanted and _GUEST_STATE in has:
            return _missing("SecurityType", f"The VM has a guest state, and the image is {wanted}")
    elif wanted not in ("", "Standard") and own is not None and own != wanted:
        return _missing("SecurityType", f"The VM's security type is {own[:80]}, the image's is {wanted}")
    return None


def objection_to_format(found: Format, expects: Expected) -> Failure | None:
    """Why an OS disk in this container format may not become one of the image's versions."""
    if not expects.formats or found in expects.formats:
        return None
    expected = " or ".join(expects.formats)
    return Failure(
        code="file_type_mismatch",
        step=STEP,
        text=f"The OS disk is {found}, and the image takes {expected}",
        hint=f"Convert it to {expected} first, then import.",
    )


def objection_to_size(size: int, room: int | None) -> Failure | None:
    """Why a source of ``size`` bytes is not read: the quotas leave less."""
    if room is None or size <= room:
        return None
    return Failure(
        code="quota_exceeded",
        step="space",
        text=f"The source has {size} bytes, and the quotas leave {max(room, 0)}",
        hint="Delete versions that are not needed, or have the quota raised.",
    )


def _missing(feature: str, text: str) -> Failure:
    return Failure(
        code="feature_missing",
        step=STEP,
        text=f"{feature}: {text}",
        hint="Import it into an image with another value of this feature, or change the VM.",
    )
