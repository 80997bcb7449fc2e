"""The staged start of a version's copies: who feeds whom, and who waits until somebody can.

Copies are made in groups whose members exchange what they have (`groups`). A pod that holds the version feeds one
group at a time, so that the first group alone draws on the source, once, and each later one on a pod that has the
version by then. A group draws on its feeder until its first member is AVAILABLE: from then on it has all the bytes.

A member is called by its pod, further replicas by ``pod/replica``; a group by the first of its names.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Literal

import msgspec

Place = Literal["waiting", "ready", "running", "resting", "away"]
"""Where a member is. ``waiting``: for a feeder, or for its publish's turn. ``ready``: may start as soon as its pod has
a slot. ``running``: under way. ``resting``: will be woken for another attempt. ``away``: its pod is out of touch or
outside its windows, or another replica on it comes first; it holds nothing up."""
BUSY: tuple[Place, ...] = ("waiting", "ready", "running")
"""Members that keep a publish in its tenant's lane."""


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Members that are not settled, by name. ``whole``: one of them was AVAILABLE, they can do without a feeder."""

    members: dict[str, Place] = {}
    whole: bool = False


class Hold(msgspec.Struct, frozen=True, array_like=True):
    """A group draws on ``feeder``, at most ``until`` then: a group that stalls is not to hold up others."""

    feeder: str
    until: datetime


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """``groups`` have unsettled members only; ``counts`` are their members by place, ``holds`` are by group.

    Nobody starts while it is ``paused`` or before ``not_before``, nor before its publish has its turn. ``turn``: none
    is needed, it is asked for, it came. ``across``: the publish reaches other regions than the source's; ``urgency``,
    ``since`` and ``estimate`` are its place in the lane. ``feeds`` is how many groups a holder feeds at once.
    """

    groups: dict[str, Group] = {}
    holds: dict[str, Hold] = {}
    counts: dict[Place, int] = {}
    paused: bool = False
    not_before: datetime | None = None
    turn: Literal["free", "asked", "taken"] = "free"
    across: bool = False
    urgency: int = 0
    since: datetime | None = None
    estimate: datetime | None = None
    feeds: int = 1

    def count(self, *places: Place) -> int:
        """Members in these places."""
        return sum(self.counts.get(place, 0) for place in places)

    def place(self, group: str, member: str) -> Place | None:
        """Where a member is; None when it is settled."""
        known = self.groups.get(group)
        return None if known is None else known.members.get(member)

    def held_back(self, at: datetime) -> bool:
        """Whether nobody may start, whatever the lane says."""
        return self.paused or (self.not_before is not None and at < self.not_before)

    def may_start(self, at: datetime) -> bool:
        """Whether members may start as far as their publish is concerned."""
        return self.turn != "asked" and not self.held_back(at)


def name_of(pod: str, replica: int) -> str:
    """A member's name."""
    return f"{pod}/{replica}" if replica else pod


def group_of(pod: str, replica: int, peers: Iterable[str]) -> str:
    """The group of a member: that of its peers, for the first replica; further ones are alone."""
    return f"{pod}/{replica}" if replica else min((pod, *peers))


def put(run: Run, group: str, member: str, place: Place) -> Run:
    """The member is in ``place``, also if it was not known. A group of which nobody runs draws on nobody."""
    known = run.groups.get(group, Group())
    before = known.members.get(member)
    if before == place:
        return run
    members = known.members | {member: place}
    after = msgspec.structs.replace(known, members=members)
    return _changed(run, group, after, before, place)


def settle(run: Run, group: str, member: str, *, whole: bool) -> Run:
    """The member is settled; ``whole``: it is AVAILABLE."""
    known = run.groups.get(group)
    if known is None or member not in known.members:
        return run
    before = known.members[member]
    members = {name: place for name, place in known.members.items() if name != member}
    return _changed(run, group, Group(members, known.whole or whole), before, None)


def _changed(run: Run, name: str, group: Group, before: Place | None, after: Place | None) -> Run:
    groups = run.groups | {name: group}
    if not group.members:
        del groups[name]
    counts = dict(run.counts)
    if before is not None:
        counts[before] -= 1
    if after is not None:
        counts[after] = counts.get(after, 0) + 1
    changes: dict[str, Any] = {"groups": groups, "counts": counts}
    if name in run.holds and (group.whole or "running" not in group.members.values()):
        changes["holds"] = {key: hold for key, hold in run.holds.items() if key != name}
    return msgspec.structs.replace(run, **changes)


def admit(run: Run, group: str, member: str, feeders: Iterable[str], until: datetime) -> Run | None:
    """The member runs, drawing on the first of ``feeders`` that has room unless its group is fed already; None when
    there is none. A member that needs no feeder is just `put`."""
    known = run.groups.get(group, Group())
    if not known.whole and group not in run.holds:
        loads = loads_of(run)
        feeder = next((name for name in feeders if loads.get(name, 0) < run.feeds), None)
        if feeder is None:
            return None
        run = msgspec.structs.replace(run, holds=run.holds | {group: Hold(feeder, until)})
    return put(run, group, member, "running")


def loads_of(run: Run) -> dict[str, int]:
    """Groups that each feeder feeds."""
    loads: dict[str, int] = {}
    for hold in run.holds.values():
        loads[hold.feeder] = loads.get(hold.feeder, 0) + 1
    return loads


def following(run: Run, feeders: Iterable[str], alone: Container[str], most: int) -> list[str]:
    """The next groups, at most ``most``, of which somebody waits: as many as ``feeders`` have room for, and beside
    them those that are fed or whole, or need no feeder because they are ``alone``: the pod holds the version."""
    loads = loads_of(run)
    room = sum(max(0, run.feeds - loads.get(name, 0)) for name in feeders)
    found: list[str] = []
    for name, group in run.groups.items():
        if len(found) >= most:
            break
        if "waiting" not in group.members.values():
            continue
        if not (group.whole or name in run.holds or name in alone or "/" in name):
            if room <= 0:
                continue
            room -= 1
        found.append(name)
    return found


def members_at(run: Run, place: Place, count: int) -> Iterator[tuple[str, str]]:
    """Group and name of at most ``count`` members in ``place``."""
    found = ((key, name) for key, group in run.groups.items() for name, at in group.members.items() if at == place)
    return islice(found, count)


def pod_of(member: str) -> tuple[str, int]:
    """Pod and replica of a member."""
    pod, _, replica = member.partition("/")
    return pod, int(replica or 0)


def ordered(run: Run, groups: Mapping[str, Any]) -> Run:
    """The groups in the order of what ``groups`` says of each, smallest first."""
    names = sorted(run.groups, key=lambda name: (name not in groups, groups.get(name, 0)))
    return msgspec.structs.replace(run, groups={name: run.groups[name] for name in names})


def expire(run: Run, at: datetime) -> Run:
    """Groups that drew on their feeders for too long without a member becoming AVAILABLE draw on nobody."""
    holds = {name: hold for name, hold in run.holds.items() if hold.until > at}
    return run if len(holds) == len(run.holds) else msgspec.structs.replace(run, holds=holds)


def expires(run: Run) -> datetime | None:
    """When the next of them will have drawn for too long."""
    return min((hold.until for hold in run.holds.values()), default=None)
