"""Deliveries: copies of a version on pods of a tenant's that it is shared with, at that tenant's wish.

They are the version's own copies, and stand on what was offered or granted to the tenant. Once none of that holds they
have lapsed: those that are not AVAILABLE are given up, and those that are stay as long as they are whole, for desktops
may run from them. Through a gallery that is shared with everybody the tenant may read on; it is owed no copies by it.
"""

from collections.abc import Callable, Collection, Iterator

import msgspec

from contracts.events.hub import TenantSet, VersionDeliveryRequested
from replicator.domain.tenancy import for_tenant

MOST_JOBS = 16
"""Deliveries of a version to one tenant that are told of their end, the latest ones."""
PLACES = ("account:", "org:")
"""How the principals begin that a tenant is by where it belongs."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What was delivered of a version to a tenant that was ``principals``: on ``pods`` there is a copy for it alone.
    ``jobs`` asked for that. ``lapsed``: the tenant lost the image since."""

    principals: tuple[str, ...]
    pods: tuple[str, ...]
    jobs: tuple[str, ...] = ()
    lapsed: bool = False


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries of an image of ``tenant``, by version and by the tenant that they are for."""

    tenant: str
    by: dict[str, dict[str, Delivered]] = {}

    def of(self, version: str) -> dict[str, Delivered]:
        """The deliveries of a version."""
        return self.by.get(version, {})

    @property
    def members(self) -> tuple[str, ...]:
        """The tenants that something is delivered to."""
        return tuple(sorted({member for members in self.by.values() for member in members}))

    def all(self) -> Iterator[tuple[str, str, Delivered]]:
        """Version, member, and what was delivered."""
        for version, members in sorted(self.by.items()):
            for member, one in sorted(members.items()):
                yield version, member, one


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: all that it is to those who share (``principals``) by the word of this ``revision``, 0 where there was
    none; and the ``images``, in order, of which something is delivered to it, or was since they are there."""

    principals: tuple[str, ...] = ()
    revision: int = 0
    images: tuple[str, ...] = ()


def turned(known: Deliveries, stands: Callable[[str, str, Delivered], bool]) -> tuple[tuple[str, str, Delivered], ...]:
    """The deliveries that lapse by what holds now, and those that had and stand again."""
    return tuple(
        (version, member, one) for version, member, one in known.all() if one.lapsed == stands(version, member, one)
    )


def requested(known: Deliveries, words: VersionDeliveryRequested, pods: Collection[str]) -> Deliveries:
    """What is delivered once ``pods`` have their copies for the member beside those from before."""
    before = known.of(words.version).get(words.member)
    mine = {*pods, *(() if before is None else before.pods)}
    jobs = (*(() if before is None else before.jobs), words.delivery)[-MOST_JOBS:]
    principals = for_tenant(words.member, words.principals)
    return put(
        known, words.version, words.member, Delivered(principals=principals, pods=tuple(sorted(mine)), jobs=jobs)
    )


def put(known: Deliveries, version: str, member: str, one: Delivered | None) -> Deliveries:
    """The deliveries when this is the member's; None, or no pods: it has none."""
    members = {name: other for name, other in known.of(version).items() if name != member}
    if one is not None and one.pods:
        members[member] = one
    by = {name: others for name, others in known.by.items() if name != version}
    if members:
        by[version] = members
    return msgspec.structs.replace(known, by=by)


def owned(known: Deliveries, version: str, pods: Collection[str]) -> Deliveries:
    """The deliveries when the owner himself wants the version on ``pods``."""
    for member, one in known.of(version).items():
        left = tuple(pod for pod in one.pods if pod not in pods)
        if left != one.pods:
            known = put(known, version, member, msgspec.structs.replace(one, pods=left))
    return known


def alone(known: Deliveries, version: str, member: str) -> tuple[str, ...]:
    """The pods that have the version for this member, and for no other whose delivery stands."""
    others = known.of(version)
    kept = {pod for name, one in others.items() if name != member and not one.lapsed for pod in one.pods}
    return tuple(pod for pod in others[member].pods if pod not in kept)


# --- what the tenants are ---------------------------------------------------------------------------------------------


def told(known: Member, words: TenantSet) -> Member:
    """The tenant after sharing's word on what it is; the same object when that is an older word."""
    if words.revision <= known.revision:
        return known
    return msgspec.structs.replace(known, principals=words.principals, revision=words.revision)


def principals_now(before: tuple[str, ...], now: Member) -> tuple[str, ...]:
    """What somebody of a tenant is who was ``before``: his name and groups stay, where it belongs is as it is now."""
    if not now.revision:
        return before
    kept = (one for one in before if one not in now.principals and not one.startswith(PLACES))
    return (*now.principals, *kept)


def became(known: Deliveries, tenant: str, now: Member) -> Deliveries:
    """The deliveries when the tenant is this; the same object when it was."""
    for version, member, one in known.all():
        principals = principals_now(one.principals, now)
        if member == tenant and principals != one.principals:
            known = put(known, version, member, msgspec.structs.replace(one, principals=principals))
    return known


def behind(member: Member, after: str) -> tuple[str, ...]:
    """The images behind ``after`` of which something is delivered to the tenant, in order."""
    return tuple(image for image in member.images if image > after)


def without(member: Member, images: Collection[str]) -> Member:
    """The tenant when nothing of these images is delivered to it."""
    return msgspec.structs.replace(member, images=tuple(image for image in member.images if image not in images))
