"""What the marks of an image and its version allow (features.md F1 to F5, F8, F9): shown state, new use, changes.

A mark of the image holds for all its versions. What runs already goes on, whatever marks there are: they decide about
new use only.
"""

from collections.abc import Iterable
from datetime import datetime

from catalog.domain.image import Image
from catalog.domain.life import Life
from catalog.domain.version import Version, counted_of
from contracts.errors import Problem
from contracts.views import Validation


def image_state(image: Image) -> str:
    """The state of an image as people see it."""
    return "DISABLED" if image.life.disabled else str(image.__struct_config__.tag)


def state_of(version: Version, image: Image) -> str:
    """The state of a version as people see it: a mark where there is one, else the state of the work."""
    removal = version.life.removal
    if removal is not None:
        return removal.stage
    if version.life.disabled or image.life.disabled:
        return "DISABLED"
    return str(version.__struct_config__.tag)


def protected(life: Life, at: datetime) -> bool:
    """Whether something is protected from deletion, or the cool-down of its protection is not over."""
    return life.protected or (life.protected_until is not None and at < life.protected_until)


def end_of_life(image: Image, version: Version) -> datetime | None:
    """The end of life of a version: its own, else the image's."""
    return version.life.end_of_life or image.details.end_of_life


def blocks_deletion(image: Image, version: Version) -> bool:
    """Whether the version must not be deleted before its end of life: by its own word or the image's (F2)."""
    return version.life.block_deletion or image.details.block_deletion_before_end_of_life


def excluded(version: Version) -> bool:
    """Whether `latest` never means the version, wherever it is: as it was imported or edited, or by the terms of its
    publish, unless an edit took those back."""
    publication = counted_of(version)
    by_terms = publication is not None and publication.excluded and publication.number > version.promoted
    return version.excluded or by_terms


def objection_to_use(image: Image, version: Version, at: datetime) -> Problem | None:
    """Why the version cannot be put to a new use at ``at``; what uses it already goes on."""
    removal = version.life.removal
    if removal is not None and (removal.stage != "SOFT_DELETED" or (removal.grace is not None and removal.grace <= at)):
        return deleted(version)
    if image.life.disabled or version.life.disabled:
        return disabled(image, version)
    for life, what in ((version.life, f"version {version.number}"), (image.life, f"image {image.name}")):
        if life.deprecation == "OBSOLETE":
            return Problem(
                code="version_obsolete",
                detail=f"{what} is obsolete",
                hint=f"Use {life.replacement} instead." if life.replacement else "Use another version.",
                data={"number": version.number, "replacement": life.replacement},
            )
    end = end_of_life(image, version)
    if image.details.enforce_end_of_life and end is not None and end <= at:
        return Problem(
            code="past_end_of_life",
            detail=f"version {version.number} reached its end of life at {end.isoformat()}",
            hint="Use a newer version, or let the image's owner move the end of life.",
            data={"number": version.number, "end_of_life": end.isoformat()},
        )
    return not_validated(version) if held(image, version) else None


def held(image: Image, version: Version) -> bool:
    """Whether the image holds the version back from use until validations of it succeeded (features.md B17)."""
    return image.details.hold_until_validated and not version.validated


def not_validated(version: Version) -> Problem:
    """The refusal of a use for which a version must be validated."""
    failing = [one.kind for one in failed_validations(version)]
    return Problem(
        code="not_validated",
        detail=f"validation {failing[0]} of version {version.number} failed"
        if failing
        else f"no validation of version {version.number} succeeded yet",
        hint="Wait until its validations succeeded, or use another version.",
        data={"number": version.number, "failed": ",".join(failing)},
    )


def objection_to_data(version: Version, *, operator: bool = False) -> Problem | None:
    """Why nobody gets at the data of the version, operators aside (features.md F6)."""
    if operator or not version.life.deactivated:
        return None
    return Problem(
        code="data_access_denied",
        detail=f"the data of version {version.number} is denied at present",
        hint="Have it reactivated first, or use another version.",
        data={"number": version.number},
    )


def warnings(image: Image, version: Version, at: datetime) -> tuple[str, ...]:
    """What whoever uses the version at ``at`` should know; what its import said comes beside (``version.warnings``)."""
    said: list[str] = []
    for life, what in ((version.life, f"version {version.number}"), (image.life, f"image {image.name}")):
        if life.deprecation != "ACTIVE":
            instead = f"; use {life.replacement} instead" if life.replacement else ""
            said.append(f"{what} is {life.deprecation.lower()}{instead}")
    end = end_of_life(image, version)
    if end is not None and end <= at:
        said.append(f"version {version.number} reached its end of life at {end.isoformat()}")
    removal = version.life.removal
    if removal is not None and removal.grace is not None:
        said.append(f"version {version.number} is deleted and cannot be used after {removal.grace.isoformat()}")
    if held(image, version):
        said.append(f"version {version.number} is held until its validations succeeded")
    if version.life.deactivated:
        said.append(f"the data of version {version.number} is denied at present")
    said += [f"validation {one.kind} of version {version.number} failed" for one in failed_validations(version)]
    return tuple(said)


def image_warnings(image: Image, at: datetime) -> tuple[str, ...]:
    """What whoever looks at an image at ``at`` should know."""
    said: list[str] = []
    life = image.life
    if life.deprecation != "ACTIVE":
        instead = f"; use {life.replacement} instead" if life.replacement else ""
        said.append(f"image {image.name} is {life.deprecation.lower()}{instead}")
    end = image.details.end_of_life
    if end is not None and end <= at:
        said.append(f"image {image.name} reached its end of life at {end.isoformat()}")
    return tuple(said)


def failed_validations(version: Version) -> list[Validation]:
    """The validations of which the latest result is bad (features.md B17)."""
    return [one for one in version.validations if one.status == "Failed"]


def validated(validations: Iterable[Validation]) -> bool:
    """Whether one of these results is good and none is bad (features.md B17)."""
    found = {one.status for one in validations}
    return "Succeeded" in found and "Failed" not in found


def objection_to_change(version: Version) -> Problem | None:
    """Why nothing may be changed about a version but whether it is deleted: it is on its way out."""
    return None if version.life.removal is None else deleted(version)


def objection_to_publish(image: Image, version: Version) -> Problem | None:
    """Why copies of the version may be neither made nor removed: it is disabled, or on its way out."""
    if version.life.removal is not None:
        return deleted(version)
    return disabled(image, version) if image.life.disabled or version.life.disabled else None


def disabled(image: Image, version: Version) -> Problem:
    """The refusal of what a disabled version, or one of a disabled image, does not allow."""
    if image.life.disabled:
        return Problem(
            code="image_disabled",
            detail=f"image {image.name} is disabled, and with it version {version.number}",
            hint="Enable the image first.",
            data={"number": version.number},
        )
    return Problem(
        code="version_disabled",
        detail=f"version {version.number} is disabled",
        hint="Enable it first, or use another version.",
        data={"number": version.number},
    )


def deleted(version: Version) -> Problem:
    """The refusal of what a version on its way out does not allow."""
    removal = version.life.removal
    stage = "DELETED" if removal is None else removal.stage
    restorable = stage in ("SOFT_DELETED", "GRACE")
    return Problem(
        code="version_deleted",
        detail=f"version {version.number} is {stage}",
        hint="Restore it first, or use another version." if restorable else "Use another version.",
        data={"number": version.number, "state": stage},
    )
