"""Versions whose data is denied to all but operators, as the catalog says (features.md F6): no copy is made of them and
nobody reads them; what is AVAILABLE stays."""

from collections.abc import Mapping

import msgspec

from contracts.errors import Problem
from replicator.domain.placement import Placement


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """The latest word of the catalog about a version that ever was denied, and the version's revision that it has."""

    denied: bool
    revision: int


def heard(known: Denied | None, revision: int, *, denied: bool) -> Denied:
    """What is known after a word under this revision; an older one changes nothing, for words may overtake."""
    if known is not None and revision < known.revision:
        return known
    return Denied(denied=denied, revision=revision)


def published(known: Denied | None, revision: int) -> Denied | None:
    """What is known after a publish under this revision, which the catalog refuses while the data is denied. Beside one
    that was sought it says what holds under the same revision."""
    if known is None or not known.denied or revision <= known.revision:
        return known
    return Denied(denied=False, revision=revision)


def objection(placement: Placement, *, operator: bool = False) -> Problem | None:
    """Why nobody reads the version, operators aside."""
    if operator or not placement.denied:
        return None
    return Problem(
        code="data_access_denied",
        detail="the data of this version is denied at present",
        hint="Have the version reactivated first, or use another one.",
        data={"version": placement.version},
    )


def objection_to_copies(
    placement: Placement, before: Mapping[str, tuple[int, ...]], after: Mapping[str, tuple[int, ...]]
) -> Problem | None:
    """Why an edit that wants other replicas on pods cannot want more of them: no copy would be made."""
    if any(set(replicas) - set(before.get(pod, ())) for pod, replicas in after.items()):
        return objection(placement)
    return None
