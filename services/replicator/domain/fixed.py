"""Images whose copies stay where they are, as their owner says in the catalog (features.md F3)."""

import msgspec

from contracts.errors import Problem


class Fixed(msgspec.Struct, frozen=True, kw_only=True):
    """The latest word of the catalog about an image: whether copies of its versions stay on their pods."""

    fixed: bool


def objection(known: Fixed | None, pods: tuple[str, ...]) -> Problem | None:
    """Why the version is not taken from ``pods``; it goes from all of them when it is deleted."""
    if not pods or known is None or not known.fixed:
        return None
    return Problem(
        code="deletion_of_locations_forbidden",
        detail=f"copies of this image may not be removed from pods, nor from {pods[0]}",
        hint="Allow it in the image (allow_deletion_of_replicated_locations), or delete the version.",
        data={"pod": pods[0]},
    )
