"""Why there can be no such definition of an image: the rules of the field (features.md A4, F1, G1, G4, H1 to H5)."""

import re
from collections import Counter
from datetime import datetime
from typing import get_args

from contracts.definition import DesktopKind, Details, Feature, ImageClass, SecurityType
from contracts.errors import Problem
from contracts.names import ID
from contracts.requests import RegisterImage

VALUES: dict[str, frozenset[str]] = {
    "IsHibernateSupported": frozenset({"True", "False"}),
    "IsAcceleratedNetworkSupported": frozenset({"True", "False"}),
    "DiskControllerType": frozenset({"SCSI", "SCSI, NVMe"}),
    "SecurityType": frozenset(get_args(SecurityType)),
}
"""What each feature can be (features.md d.2)."""

ONLY_PRIVATE: frozenset[str] = frozenset({"TrustedLaunch", "ConfidentialVM"})
"""Security types of which no other VM can be made: images of them are for private galleries (features.md H3)."""

KINDS_OF: dict[str, frozenset[DesktopKind | None]] = {
    "x64": frozenset({None, "VDI", "IDV", "VOI", "TCI"}),
    "arm64": frozenset({None, "VDI", "TCI"}),
}
"""The kinds of desktop that an architecture can be (features.md G4)."""

AT_ENDPOINTS: frozenset[DesktopKind] = frozenset({"IDV", "VOI", "TCI"})
"""Desktops that run at an endpoint, so that it matters which model that is (features.md B6)."""

_parts = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9_-]")
_id = re.compile(ID)


def objection(command: RegisterImage, at: datetime) -> Problem | None:
    """Why there can be no such image, whatever else there is."""
    public = command.image_class == "standard"
    return (
        _objection_to_name(command.name)
        or _objection_to_identifier(command)
        or objection_to_class(command.image_class, operator=command.actor.operator)
        or _objection_to_kind(command)
        or objection_to_details(command.details, generation=command.generation, public=public, at=at)
    )


def objection_to_class(image_class: ImageClass, *, operator: bool) -> Problem | None:
    """Why the actor may not have or change an image of this class (features.md G1)."""
    if image_class != "standard" or operator:
        return None
    return Problem(
        code="class_read_only",
        detail="images of the class standard are the provider's",
        hint="Ask the provider, or make a custom image of your own; versions can be made from those of a standard one.",
        data={"image_class": image_class},
    )


def objection_to_details(
    details: Details,
    *,
    generation: str,
    public: bool,
    at: datetime,
    before: Details | None = None,
) -> Problem | None:
    """Why an image cannot say this of itself. ``public``: others see it too, being of the class standard or shared.
    ``before`` is what it said until now: an end of life that has passed may stay as it is."""
    return (
        _objection_to_ranges(details)
        or _objection_to_end(details.end_of_life, at, None if before is None else before.end_of_life)
        or _objection_to_eula(details)
        or _objection_to_features(details.features, generation)
        or (objection_to_publicity(details) if public else None)
    )


def objection_to_locks(before: Details, after: Details) -> Problem | None:
    """Why ``features`` cannot change: that needs ``allow_update_image``, at the latest in the same edit (d.2)."""
    if before.features == after.features or after.allow_update_image:
        return None
    return Problem(
        code="features_locked",
        detail="features change only with allow_update_image",
        hint="Set allow_update_image to true, in the same edit or before.",
        data={"field": "details.features"},
    )


def objection_to_publicity(details: Details) -> Problem | None:
    """Why an image that says this cannot be in a gallery that others see, shared or public (features.md H3)."""
    kind = private_only(details)
    if not kind:
        return None
    return Problem(
        code="not_shareable",
        detail=f"an image of the security type {kind} is for private galleries only",
        hint="Use the Supported form of the security type, of which other VMs can be made too.",
        data={"field": "details.features", "security_type": kind},
    )


def objection_to_sharing(details: Details) -> Problem | None:
    """Why an image that says this cannot be in a gallery that is shared with anybody (features.md E6)."""
    if details.purchase_plan is None:
        return None
    return Problem(
        code="not_shareable_market",
        detail="an image with a purchase plan is for galleries that are not shared",
        hint="Register it in a private gallery; others get it from the market.",
        data={"field": "details.purchase_plan"},
    )


def private_only(details: Details) -> str:
    """The security type for which an image that says this is for private galleries only; empty where it is not."""
    values = (one.value for one in details.features if one.name == "SecurityType" and one.value in ONLY_PRIVATE)
    return next(values, "")


def _objection_to_name(name: str) -> Problem | None:
    if _id.fullmatch(name) is None:
        return None
    return Problem(
        code="validation_failed",
        detail="an image's name must not look like an id",
        hint="Choose a name that is not 32 hexadecimal digits.",
        data={"field": "name"},
    )


def _objection_to_identifier(command: RegisterImage) -> Problem | None:
    if command.identifier is None:
        return None
    for field, most in (("publisher", 128), ("offer", 64), ("sku", 64)):
        value = getattr(command.identifier, field)
        if len(value) > most or _parts.fullmatch(value) is None:
            return Problem(
                code="identifier_invalid",
                detail=f"{field} {value[:80]!r} cannot be part of an identifier",
                hint=f"Use up to {most} letters, digits, dots, dashes and underscores, not ending with a dot.",
                data={"field": f"identifier.{field}"},
            )
    return None


def _objection_to_kind(command: RegisterImage) -> Problem | None:
    kind = command.desktop_kind
    if kind not in KINDS_OF[command.architecture]:
        return Problem(
            code="desktop_kind_invalid",
            detail=f"hosts of the architecture {command.architecture} have no {kind} desktops",
            hint="Choose another kind of desktop, or the architecture x64.",
            data={"field": "desktop_kind", "architecture": command.architecture},
        )
    if command.flavour is not None and kind not in AT_ENDPOINTS:
        return Problem(
            code="desktop_kind_invalid",
            detail="a flavour names models of endpoints, and this image does not run at an endpoint",
            hint=f"Leave the flavour out, or choose a desktop_kind of {', '.join(sorted(AT_ENDPOINTS))}.",
            data={"field": "flavour", "desktop_kind": kind},
        )
    return None


def _objection_to_ranges(details: Details) -> Problem | None:
    """Minima above maxima, also of a recommendation against what is required (features.md H1)."""
    vcpus, memory = details.vcpus, details.memory_mib
    for field, least, most in (
        ("vcpus", vcpus.min, vcpus.max),
        ("memory_mib", memory.min, memory.max),
        ("min_ram_mib", details.min_ram_mib, details.max_ram_mib),
        ("memory_mib", details.min_ram_mib, memory.max),
        ("memory_mib", memory.min, details.max_ram_mib),
    ):
        if least is not None and most is not None and least > most:
            return Problem(
                code="range_invalid",
                detail=f"{field}: the minimum {least} is above the maximum {most}",
                hint="Give a minimum that is not above the maximum.",
                data={"field": f"details.{field}", "min": least, "max": most},
            )
    return None


def _objection_to_end(end: datetime | None, at: datetime, before: datetime | None) -> Problem | None:
    return None if end == before else objection_to_end_of_life(end, at, "details.end_of_life")


def objection_to_end_of_life(end: datetime | None, at: datetime, field: str = "end_of_life") -> Problem | None:
    """Why a life cannot end then (features.md F1, d.5); None names no end."""
    if end is None or (end.tzinfo is not None and end > at):
        return None
    return Problem(
        code="end_of_life_invalid",
        detail=f"{end.isoformat()} does not lie in the future" if end.tzinfo else "the time has no time zone",
        hint="Give a time in the future with its offset from UTC, as in 2030-01-01T00:00:00Z.",
        data={"field": field},
    )


def _objection_to_eula(details: Details) -> Problem | None:
    if not details.require_eula or details.eula or details.eula_uri is not None:
        return None
    return Problem(
        code="validation_failed",
        detail="require_eula: there is no EULA to accept",
        hint="Give eula or eula_uri, or leave require_eula out.",
        data={"field": "details.require_eula"},
    )


def _objection_to_features(features: tuple[Feature, ...], generation: str) -> Problem | None:
    twice = next((name for name, times in Counter(one.name for one in features).items() if times > 1), None)
    if twice is not None:
        return _feature(twice, f"feature {twice} is named twice", "Name each feature once.")
    for one in features:
        values = VALUES.get(one.name, frozenset())
        if one.value not in values:
            return _feature(
                one.name,
                f"feature {one.name} cannot be {one.value!r}",
                f"Give one of: {'; '.join(sorted(values)) or 'none, there is no such feature'}.",
            )
        if one.name == "SecurityType" and one.value != "Standard" and generation != "V2":
            return _feature(
                one.name,
                f"the security type {one.value} needs generation V2, the image is {generation}",
                "Register the image with generation V2, or with the security type Standard.",
            )
    return None


def _feature(name: str, detail: str, hint: str) -> Problem:
    return Problem(
        code="feature_invalid", detail=detail, hint=hint, data={"field": "details.features", "feature": name}
    )
