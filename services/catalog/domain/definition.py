"""What the definition of an image asks of its versions' sources and of the pods that are to hold them.

Source: features.md A5, B4, G2, H2 to H4, H6, "Settled" (capture checks, security types), table d.2.
"""

from collections.abc import Iterable
from typing import cast

import msgspec

from catalog.domain.image import Image
from contracts.definition import Capsule, SecurityType
from contracts.errors import Problem
from contracts.events.to_pods import Expected
from contracts.manifest import Format
from contracts.names import parse_number
from contracts.requests import RegisterImage
from contracts.terms import Requirements, Terms

MOST_REQUIRED = 16
"""Names in each list of `Requirements`."""

HARDWARE: dict[SecurityType, str] = {"TrustedLaunch": "trusted_launch", "ConfidentialVM": "confidential"}
"""What a pod must be able to do because of a security type. VMs of a *Supported* type can be made without it."""

_FILE_TYPES: dict[tuple[str, str], Format] = {
    ("TCI", "linux"): "qcow2",
    ("TCI", "windows"): "qcow2",
    ("VOI", "linux"): "qcow2",
    ("VOI", "windows"): "vhd",
}


def file_types(image: Image | RegisterImage) -> tuple[Format, ...]:
    """The container formats that the image's versions may have; none named: any (features.md B4)."""
    found = _FILE_TYPES.get((image.desktop_kind or "", image.os_type))
    return () if found is None else (found,)


def feature(image: Image, number: str, name: str) -> str | None:
    """The value of a feature for version ``number``; None where the image does not name it or it starts later."""
    for one in image.details.features:
        if one.name == name and _begun(one.starts_at_version, number):
            return one.value
    return None


def security_type(image: Image, number: str) -> SecurityType:
    """The security type of version ``number``."""
    return cast(SecurityType, feature(image, number, "SecurityType") or "Standard")


def expected(image: Image, number: str) -> Expected:
    """What the source of version ``number`` must be, for its pod to check before it reads a byte."""
    return Expected(
        os_type=image.os_type,
        os_state=image.os_state,
        generation=image.generation,
        architecture=image.architecture,
        accelerated_network=feature(image, number, "IsAcceleratedNetworkSupported") == "True",
        hibernate=feature(image, number, "IsHibernateSupported") == "True",
        nvme="NVMe" in (feature(image, number, "DiskControllerType") or ""),
        security_type=security_type(image, number),
        formats=file_types(image),
    )


def requirements(image: Image, number: str) -> Requirements:
    """What a pod must have to hold version ``number``."""
    details = image.details
    hardware = HARDWARE.get(security_type(image, number))
    return Requirements(
        hypervisors=_unique(details.hypervisors),
        disallowed_disk_types=_unique(details.disallowed_disk_types),
        capabilities=_unique((*details.capabilities, *([] if hardware is None else [hardware]))),
        gpu_types=_unique(details.gpu_types),
    )


def under(terms: Terms, image: Image, number: str) -> Terms | Problem:
    """The terms of a publish with what the image itself asks for: both hold.

    What must be one of a list (hypervisors, GPU types) is one of both lists; where they share none, no pod can have it.
    """
    asked, own = terms.requires, requirements(image, number)
    for field, what in (("hypervisors", "runs on"), ("gpu_types", "needs one of the GPU types")):
        mine, others = getattr(own, field), getattr(asked, field)
        if mine and others and not set(mine) & set(others):
            return Problem(
                code="targets_invalid",
                detail=f"the image {what} {', '.join(mine)}, and the publish asks for {', '.join(others)}",
                hint=f"Leave {field} out of the terms, or name one that the image has.",
                data={"field": f"requires.{field}"},
            )
    merged = msgspec.structs.replace(
        asked,
        hypervisors=_both(own.hypervisors, asked.hypervisors),
        gpu_types=_both(own.gpu_types, asked.gpu_types),
        disallowed_disk_types=_unique((*own.disallowed_disk_types, *asked.disallowed_disk_types)),
        capabilities=_unique((*own.capabilities, *asked.capabilities)),
    )
    for field in ("disallowed_disk_types", "capabilities"):
        if len(getattr(merged, field)) > MOST_REQUIRED:
            return Problem(
                code="targets_invalid",
                detail=f"with what the image asks for there are more than {MOST_REQUIRED} {field}",
                hint="Ask for fewer in the terms of the publish.",
                data={"field": f"requires.{field}", "limit": MOST_REQUIRED},
            )
    return terms if merged == asked else msgspec.structs.replace(terms, requires=merged)


def objection_to_capsule(image: Image | RegisterImage, capsule: Capsule | None) -> Problem | None:
    """Why a version of the image cannot consist of ``capsule`` (features.md G2): images of the class have one, others
    none, and what a component depends on is in it."""
    if image.image_class != "capsule":
        if capsule is None:
            return None
        return Problem(
            code="class_invalid",
            detail=f"an image of the class {image.image_class} has no capsule",
            hint="Leave the capsule out, or import it into an image of the class capsule.",
            data={"field": "capsule", "image_class": image.image_class},
        )
    if capsule is None:
        return _capsule("a version of a capsule says what it consists of", "Give components, install and remove.")
    names = [one.name for one in capsule.components]
    for one in capsule.components:
        if names.count(one.name) > 1:
            return _capsule(f"component {one.name} is named twice", "Name each component once.")
        missing = next((name for name in one.depends_on if name not in names), None)
        if missing is not None:
            return _capsule(
                f"component {one.name} depends on {missing}, which is not in the capsule",
                "A capsule has all its dependencies: add the component.",
            )
    circle = _circle({one.name: set(one.depends_on) for one in capsule.components})
    if circle:
        return _capsule(f"components depend on each other in a circle: {', '.join(circle[:8])}", "Break the circle.")
    return None


def _circle(needs: dict[str, set[str]]) -> list[str]:
    """What is left when everything is taken away whose dependencies are gone."""
    while ready := [name for name, others in needs.items() if not others]:
        needs = {name: others - set(ready) for name, others in needs.items() if name not in ready}
    return sorted(needs)


def _capsule(detail: str, hint: str) -> Problem:
    return Problem(code="capsule_invalid", detail=detail, hint=hint, data={"field": "capsule"})


def _begun(start: str | None, number: str) -> bool:
    if start is None:
        return True
    begins, version = parse_number(start), parse_number(number)
    return begins is not None and version is not None and version >= begins


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _both(own: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in own if name in asked) if own and asked else own or _unique(asked)
