"""Retention policies: which versions of an image are old enough to go, and which must stay (features.md F11, c8).

A version *stands* when it can be chosen, or will once it is published: neither disabled nor obsolete, its publish not
failed, not on its way out. Only those that stand are counted as kept: three that nobody can choose are no three.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from catalog.domain.image import Image
from catalog.domain.lives import excluded, held
from catalog.domain.marker import Markers
from catalog.domain.removal import markers_of, objection, objection_to_protection, objection_to_state, users_of
from catalog.domain.uses import Uses
from catalog.domain.version import Failed, Version, manifest_of
from contracts.errors import Problem
from contracts.keeping import Retention, Rule

MOST_POLICIES = 32
"""Of a tenant."""

DAYS = {"DAYS": 1, "WEEKS": 7, "MONTHS": 30, "YEARS": 365}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A retention policy as it is kept; ``taken`` counts the versions that it ever took, ``ran`` is when the last."""

    retention: Retention
    revision: int = 1
    ran: datetime | None = None
    taken: int = 0


class Retentions(msgspec.Struct, frozen=True, kw_only=True):
    """All retention policies of a tenant, by name. ``highest`` is the highest revision of those that were dropped."""

    by: dict[str, Policy] = {}
    highest: int = 0

    @property
    def in_force(self) -> list[Retention]:
        """Those that are not suspended, by name."""
        return [self.by[name].retention for name in sorted(self.by) if not self.by[name].retention.suspended]


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The images of a gallery that have, or had, a version: those that a policy may find something in."""

    images: tuple[str, ...] = ()


class Victim(NamedTuple):
    """A version that a policy takes, and why."""

    version: str
    number: str
    reason: str


def objection_to(retention: Retention) -> Problem | None:
    """Why a policy makes no sense."""
    for image in retention.images:
        if len(image) != 32 or not set(image) <= set("0123456789abcdef"):
            return Problem(
                code="retention_invalid",
                detail=f"{image[:40]!r} is not the id of an image",
                hint="Name images by their ids; an image's name could be given to another one.",
                data={"field": "images"},
            )
    return None


def covers(retention: Retention, id: str, image: Image, *, opened: bool = False) -> bool:
    """Whether a policy says anything about the versions of image ``id``, be it in force or suspended; ``opened``: its
    gallery is shared with others."""
    without = retention.exclude
    if without.shared and (opened or image.shared or image.image_class == "standard"):
        return False
    if any(key in image.tags and value in ("", image.tags[key]) for key, value in without.tags.items()):
        return False
    in_gallery = not retention.galleries or image.gallery in retention.galleries
    return in_gallery and (not retention.images or id in retention.images)


def victims(
    retention: Retention,
    image: Image,
    versions: Mapping[str, Version],
    markers: Markers | None,
    uses: Mapping[str, Uses | None],
    now: datetime,
) -> list[Victim]:
    """What a policy that covers ``image`` takes of it at ``now``, the oldest number first.

    ``versions`` are all of the image by id, ``uses`` who uses them. Never among the victims: the newest version that is
    usable and the one that `latest` means, what a marker names, what is in use, protected, or worked on.
    """
    there = {id: one for id, one in versions.items() if one.life.removal is None and manifest_of(one) is not None}
    order = sorted(there, key=lambda one: (there[one].rank, one), reverse=True)
    kept = set(_last_good(image, order, there))
    found: list[Victim] = []
    newer = 0
    for id in order:
        version = there[id]
        reason = "" if newer < retention.retain_at_least else _reason(retention.rule, version, newer, now)
        newer += _stands(version)
        if reason and id not in kept and _takes(retention, image, version, now):
            in_use = users_of(uses.get(id)) or _used_lately(retention, uses.get(id), now)
            if not in_use and not markers_of(markers, id):
                found.append(Victim(id, version.number, reason))
    return found[::-1]


def _stands(version: Version) -> bool:
    life = version.life
    return not (life.disabled or life.deprecation == "OBSOLETE" or isinstance(version, Failed))


def _last_good(image: Image, order: list[str], there: Mapping[str, Version]) -> Iterator[str]:
    """The newest version that can be used, and the newest that `latest` may mean."""
    usable = [id for id in order if there[id].usable and _stands(there[id])]
    yield from usable[:1]
    usable = [id for id in usable if not held(image, there[id])]
    yield from usable[:1]
    yield from [id for id in usable if not excluded(there[id]) and there[id].life.deprecation == "ACTIVE"][:1]


def _reason(rule: Rule, version: Version, newer: int, now: datetime) -> str:
    """Why the rule takes a version that has so many ``newer`` ones, empty when it does not."""
    if rule.by == "COUNT":
        return f"not among the newest {rule.value}" if newer >= rule.value else ""
    age = (now - version.created).days
    unit = rule.unit.lower()
    return f"{age} days old, the limit is {rule.value} {unit}" if age >= rule.value * DAYS[rule.unit] else ""


def _takes(retention: Retention, image: Image, version: Version, now: datetime) -> bool:
    """Whether the action is not done yet and may be done."""
    match retention.action:
        case "DELETE":
            return objection(image, version, now) is None
        case "DISABLE":
            done = version.life.disabled
        case "DEPRECATE":
            done = version.life.deprecation != "ACTIVE"
    return not done and objection_to_state(version) is None and objection_to_protection(image, version, now) is None


def _used_lately(retention: Retention, uses: Uses | None, now: datetime) -> bool:
    days = retention.exclude.used_within_days
    if days is None or uses is None:
        return False
    times = [uses.last_used, *(use.last_used for use in uses.by.values())]
    return any(time is not None and (now - time).days < days for time in times)
