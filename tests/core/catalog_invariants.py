"""What holds in every catalog at any time, whatever was said to it in which order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from catalog.audit import INSERT
from catalog.documents import (
    ASSIGNMENT,
    GALLERY,
    HOSTED,
    IMAGE,
    MARKERS,
    POOL,
    ROSTER,
    TALLY,
    USES,
    VERSION,
)
from catalog.domain import lives, quota
from catalog.domain import uses as using
from catalog.domain.assignment import stand_of
from catalog.domain.life import gone
from catalog.domain.version import DeployingVm, Pending, Version, manifest_of
from contracts.audit import verify
from contracts.events.hub import AssignmentSettled, MarkerDeleted, MarkerMoved, RolloutAdvanced, VersionDeactivated
from contracts.keeping import Usage
from contracts.views import AuditView
from core.catalog_world import SETTINGS
from core.driver import Driver
from runtime.audited import AUDIT, AUDIT_HEAD
from runtime.work import Emitted, Message

NOUNS = ("version", "image", "gallery", "assignment")
STAGES = (None, "SOFT_DELETED", "GRACE", "DELETING", "DELETED")


def under_way(version: Version) -> bool:
    """Whether it is being imported."""
    return isinstance(version, Pending | DeployingVm)


def exists(version: Version) -> bool:
    """Whether it is counted: imported, or about to be, and not deleted."""
    return under_way(version) or (manifest_of(version) is not None and not gone(version.life))


def standing(version: Version) -> bool:
    """Whether somebody can begin to use it."""
    life = version.life
    return version.usable and life.removal is None and not life.disabled and life.deprecation != "OBSOLETE"


def check_usage(world: Driver) -> None:
    """What galleries and tenants hold is what there is, and every version is among those of its image."""
    images, versions = world.all(IMAGE), world.all(VERSION)
    held: dict[tuple[str, str], list[int]] = {}
    for image in images.values():
        held.setdefault((image.tenant, image.gallery), [0, 0, 0])[0] += 1
    for id, version in versions.items():
        if exists(version):
            of = images[version.image]
            held[of.tenant, of.gallery][1] += 1
            held[of.tenant, of.gallery][2] += version.counted
            manifest = manifest_of(version)
            assert manifest is None or manifest.size == version.counted, id
    galleries = list(world.all(GALLERY).values())
    assert held.keys() <= {(one.tenant, one.name) for one in galleries}
    for gallery in galleries:
        use = gallery.usage
        assert [use.images, use.versions, use.bytes] == held.get((gallery.tenant, gallery.name), [0, 0, 0])
    for tenant, tally in world.all(TALLY).items():
        own = [one for one in galleries if one.tenant == tenant]
        assert sorted(tally.galleries) == sorted(one.name for one in own)
        summed = Usage(galleries=len(own))
        for gallery in own:
            summed = quota.plus(summed, gallery.usage)
        assert tally.usage == summed
    for id, image in images.items():
        mine = {key: one for key, one in versions.items() if one.image == id}
        ready = {key for key, one in mine.items() if exists(one) and not under_way(one)}
        roster = world.get(ROSTER, id)
        assert set(() if roster is None else roster.versions) == ready
        assert image.versions == len(ready)
        assert sorted(image.open) == sorted(one.number for one in mine.values() if under_way(one))


def usages(world: Driver) -> dict[str, tuple[Usage, Any]]:
    """What each gallery and each tenant holds, and may hold."""
    found: dict[str, tuple[Usage, Any]] = {key: (one.usage, one.quota) for key, one in world.all(GALLERY).items()}
    for tenant, tally in world.all(TALLY).items():
        found[tenant] = (tally.usage, quota.limits(tally.quota, SETTINGS.quota))
    return found


def check_quotas(before: Mapping[str, tuple[Usage, Any]], after: Mapping[str, tuple[Usage, Any]]) -> None:
    """Nothing grows beyond its limit; what was beyond it when the limit came may stay."""
    for key, (use, limit) in after.items():
        was = before[key][0] if key in before else Usage()
        for what in quota.WHAT:
            now, most = getattr(use, what), getattr(limit, what)
            assert now >= 0
            assert most is None or now <= max(most, getattr(was, what)), (key, what, now, most)


def check_users(world: Driver) -> None:
    """Who uses, wants and marks which version is told alike by all that tell it."""
    pools, versions = world.all(POOL), world.all(VERSION)
    for id, assignment in world.all(ASSIGNMENT).items():
        own = {key.partition("/")[2]: pool for key, pool in pools.items() if key.startswith(f"{id}/")}
        assert assignment.pods == {pod: stand_of(pool) for pod, pool in sorted(own.items())}
        for pod, pool in own.items():
            for version in using.versions(pool):
                uses = world.get(USES, version)
                now = None if uses is None else uses.by.get(f"{id}/{pod}")
                assert now == using.use_of(pool, version, assignment.name, assignment.tenant)
    for version, uses in world.all(USES).items():
        assert all(using.use_of(pools.get(key), version, use.name, use.tenant) == use for key, use in uses.by.items())
    hosted = {f"{id}/{pod}" for pod, one in world.all(HOSTED).items() for id in one.assignments}
    assert hosted == pools.keys()
    marked = [(image, name, one) for image, all_ in world.all(MARKERS).items() for name, one in all_.by.items()]
    assert {(image, name, id) for image, name, one in marked for id in one.bound} == {
        (one.image, one.marker, id) for id, one in world.all(ASSIGNMENT).items() if one.marker and not one.leaving
    }
    for image, _, marker in marked:
        version = versions[marker.version]
        assert version.image == image
        assert manifest_of(version) is not None
        assert _stage(version) not in ("DELETING", "DELETED")


def check_removals(world: Driver, before: Mapping[tuple[str, str], bytes], message: Message[Any]) -> None:
    """A version goes stage by stage, and never while something holds it."""

    def was(kind: Any, id: str) -> Any:
        body = before.get((kind.name, id))
        return None if body is None else kind.decode(body)

    for id, version in world.all(VERSION).items():
        former = was(VERSION, id)
        if former is None or _stage(former) == _stage(version) or _stage(version) is None:
            continue
        assert STAGES.index(_stage(version)) > STAGES.index(_stage(former))
        if _stage(version) == "GRACE" or _stage(former) == "DELETING":
            continue
        image, markers, uses = was(IMAGE, former.image), was(MARKERS, former.image), was(USES, id)
        end = lives.end_of_life(image, former)
        assert not lives.protected(former.life, message.at)
        assert not lives.protected(image.life, message.at)
        assert end is None or end <= message.at or not lives.blocks_deletion(image, former)
        assert markers is None or all(one.version != id for one in markers.by.values())
        used = uses is not None and any(one.runs or one.wanted for one in uses.by.values())
        assert not used or getattr(message.body, "force", False)
        if str(type(message.body).__struct_config__.tag) == "retention.review":
            formers = [VERSION.decode(body) for (kind, _), body in before.items() if kind == VERSION.name]
            stood = any(standing(one) for one in formers if one.image == former.image)
            assert not stood or any(standing(one) for one in world.all(VERSION).values() if one.image == former.image)


def _stage(version: Version) -> Any:
    return None if version.life.removal is None else version.life.removal.stage


class Revisions:
    """The highest revision that was said of each thing."""

    def __init__(self) -> None:
        self.last: Counter[tuple[str, ...]] = Counter()

    def check(self, said: Iterable[Emitted]) -> None:
        """What is said of a thing is newer than all that was said of it before."""
        for event in (one.event for one in said):
            if isinstance(event, MarkerMoved | MarkerDeleted):
                about: tuple[str, ...] = ("marker", event.image, event.marker)
            elif type(event).about in NOUNS and hasattr(event, "revision"):
                about = (type(event).about, getattr(event, type(event).about))
            else:
                continue
            if not isinstance(event, RolloutAdvanced | AssignmentSettled):  # said of a revision, not under one
                again = isinstance(event, VersionDeactivated) and event.revision == self.last[about]
                assert again or event.revision > self.last[about], event
                self.last[about] = event.revision


def check_chain(world: Driver) -> None:
    """The audit log is whole, from its first entry to its head."""
    names = ("sequence", "at", "tenant", "actor", "action", "about", "command", "before", "after", "previous", "hash")
    rows = [dict(zip(names, row, strict=True)) for statement, row in world.writes if statement == INSERT]
    entries = []
    for row in rows:
        told = {name: msgspec.json.decode(row[name]) for name in ("before", "after")}
        entries.append(AuditView(**row | told | {"at": datetime.fromtimestamp(row["at"], UTC)}))
    assert verify(entries, until=world.get(AUDIT, AUDIT_HEAD)) == world.get(AUDIT, AUDIT_HEAD)
