"""What the hub itself holds against an import before any pod is asked: refused at once, and nothing is changed."""

from collections.abc import Collection
from datetime import datetime

from catalog.domain.image import Image
from catalog.domain.number import normalise
from catalog.domain.origin import objection_to_source
from contracts.errors import Problem
from contracts.manifest import Format, Manifest
from contracts.requests import ImportVersion, RegisterImage

FIXED = ("os_type", "os_state", "generation", "architecture")
"""What is the same for all versions of an image (features.md A5)."""
OWN = ("image_class", "desktop_kind", "flavour")
"""What else an import may say of the image that it registers."""


def objection_to(command: ImportVersion, at: datetime) -> Problem | None:
    """Why this import is refused whatever the image and the pod."""
    problem = objection_to_source(command)
    if problem is not None:
        return problem
    if command.number is not None and normalise(command.number) is None:
        return Problem(
            code="version_number_invalid",
            detail=f"{command.number[:40]!r} is not a version number",
            hint="Give three integers as in 1.2.0, or none to have the next one chosen.",
        )
    end = command.end_of_life
    if end is not None and (end.tzinfo is None or end <= at):
        return Problem(
            code="end_of_life_invalid",
            detail="the end of life of a version lies in the future and has a time zone",
            hint="Give a later time as in 2030-01-31T00:00:00Z, or none.",
            data={"field": "end_of_life"},
        )
    return None


def objection_to_number(number: str | None, *, taken: bool) -> Problem | None:
    """Why no version can have ``number`` (None: none is left)."""
    if number is None:
        return Problem(
            code="version_number_invalid",
            detail="there is no next number above the highest one in use",
            hint="Give a number that is not in use.",
        )
    if taken:
        return Problem(
            code="version_exists",
            detail=f"version {number} exists already",
            hint="Give another number, or none to have the next one chosen.",
            data={"number": number},
        )
    return None


def objection_to_pod(pod: str, *, known: bool) -> Problem | None:
    """Why ``pod`` cannot be asked for a source."""
    if known:
        return None
    return Problem(
        code="pod_unknown",
        detail=f"no pod named {pod} is enrolled",
        hint="List the pods; a pod is enrolled when its connector first reports.",
        data={"pod": pod},
    )


def objection_to_image(command: ImportVersion, image: Image) -> Problem | None:
    """Why an image that exists is not the one that the import speaks of."""
    for field in (*FIXED, *OWN):
        said, own = getattr(command, field), getattr(image, field)
        if said is not None and said != own:
            return Problem(
                code="os_mismatch" if field in FIXED else "property_change_not_allowed",
                detail=f"the image's {field} is {own or 'none'}, not {said}",
                hint="Import into an image that is like the source, or leave the field out.",
                data={"field": field, "image": own, "import": said},
            )
    return None


def objection_to_likeness(wanted: Image | RegisterImage, origin: Image) -> Problem | None:
    """Why a version of ``origin`` cannot become one of the image that is ``wanted``: its guest is another."""
    for field in FIXED:
        there, here = getattr(origin, field), getattr(wanted, field)
        if there != here:
            return Problem(
                code="os_mismatch",
                detail=f"the {field} of the origin's image is {there}, of this one {here}",
                hint="Make it in an image that is like the origin's.",
                data={"field": field, "image": here, "origin": there},
            )
    return None


def objection_to_file_type(
    command: ImportVersion, allowed: Collection[Format], origin: Manifest | None = None
) -> Problem | None:
    """Why the OS disk would be of a format that the image does not take (features.md B4)."""
    said = command.file_type if origin is None else origin.disks[0].format
    if said is None or not allowed or said in allowed:
        return None
    expected = " or ".join(allowed)
    return Problem(
        code="file_type_mismatch",
        detail=f"the image takes {expected}, not {said}",
        hint=f"Import a source whose OS disk is {expected}.",
        data={"file_type": said, "expected": expected},
    )


def registration(command: ImportVersion, gallery: str, name: str, origin: Image | None) -> RegisterImage:
    """The image that an import with ``create`` registers: as it says, else as the image of its origin."""
    said = {
        field: value
        for field in (*FIXED, *OWN)
        if (value := getattr(command, field)) is not None
        or (field in FIXED and origin is not None and (value := getattr(origin, field)) is not None)
    }
    return RegisterImage(id=command.id, actor=command.actor, gallery=gallery, name=name, **said)
