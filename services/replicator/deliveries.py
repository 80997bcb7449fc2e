"""Reactions to what sharing says, and to the loss of what was delivered: copies that a tenant is not owed any more go,
as far as nobody can use them yet (reliability.md F15)."""

from collections.abc import Collection, Iterator

import msgspec

from contracts.events.hub import DeliveryEnded
from contracts.names import copy_id
from contracts.requests import Actor
from replicator import policies
from replicator.config import Config
from replicator.documents import COPY, DELIVERIES, PLACEMENT, ROSTER
from replicator.domain import delivery
from replicator.domain.copy import Available, Copy, wanted
from replicator.domain.delivery import Delivered, Deliveries
from replicator.domain.facts import Lapsed
from replicator.domain.placement import Placement, Roster, with_wanted
from replicator.messages import Review, remind_review
from replicator.moves import move
from replicator.targeting import copies_keys, settle_on, take_back
from runtime import access
from runtime.access import ACCESS, Access, ShareEvent
from runtime.work import Get, Message, Ref, Work

AT_ONCE = 16
"""Deliveries that one message ends: each is read with its copies."""
WHY = "the image is not shared with the tenant any more"


def shared_keys(message: Message[ShareEvent], get: Get) -> Iterator[Ref]:
    """Who may do what with the image or gallery; and the copies of those deliveries that the word ends."""
    yield from access.keys(message, get)
    about = access.about(message.body)
    if (image := _image(about)) is not None:
        now = access.evolve(get(ACCESS, about) or Access(), message.body)
        yield from _image_keys(image, now, get)


def shared(message: Message[ShareEvent], work: Work, config: Config) -> None:
    """Keep what sharing said, and end the deliveries that stood on what was taken back, in the same moment."""
    work.saga = ""
    access.follow(work, message.body)
    if (image := _image(access.about(message.body))) is not None:
        turn(work, config, image)


def _image(about: str) -> str | None:
    """The image that a document of `runtime.access` is about."""
    kind, _, id = about.partition("/")
    return id if kind == "i" else None


def review_keys(message: Message[Review], get: Get) -> Iterator[Ref]:
    """The image's deliveries that turn, and those of the version that had lapsed before."""
    image, version = message.body.image, message.body.version
    yield ACCESS(access.image_key(image))
    yield from _image_keys(image, get(ACCESS, access.image_key(image)), get)
    known = get(DELIVERIES, image)
    for one in ({} if known is None else known.of(version)).values():
        if one.lapsed:
            yield from copies_keys(version, get, pods=one.pods)
            yield from policies.published_keys(image, known.tenant)


def review(message: Message[Review], work: Work, config: Config) -> None:
    """Go on with the deliveries of an image; what had lapsed of the version, and is not whole any more, goes."""
    image, version = message.body.image, message.body.version
    turn(work, config, image)
    known = work.get(DELIVERIES, image)
    for member, one in ({} if known is None else known.of(version)).items():
        if one.lapsed and known is not None:
            known = _end(work, config, known, version, member, one)
            work.put(DELIVERIES, image, known if known.by else None)


def stands(known: Access | None, owner: str, version: str, member: str, principals: tuple[str, ...]) -> bool:
    """Whether a version of ``owner`` is for ``member`` by what was offered or granted to it."""
    actor = Actor(tenant=member, name="", roles=("reader",), principals=principals)
    return "read" in access.decided(known, None, actor, tenant=owner, version=version)


def _turned(known: Deliveries, now: Access | None) -> tuple[tuple[str, str, Delivered], ...]:
    return delivery.turned(
        known, lambda version, member, one: stands(now, known.tenant, version, member, one.principals)
    )


def _image_keys(image: str, now: Access | None, get: Get) -> Iterator[Ref]:
    yield DELIVERIES(image)
    if (known := get(DELIVERIES, image)) is not None:
        yield from turned_keys(image, known, now, get)


def turned_keys(image: str, known: Deliveries, now: Access | None, get: Get) -> Iterator[Ref]:
    """What `turn` reads beside the image's deliveries and what is known of its sharing, when they are these."""
    for version, _, one in _turned(known, now)[:AT_ONCE]:
        yield from copies_keys(version, get, pods=one.pods)
        yield from policies.published_keys(image, known.tenant)


def turn(work: Work, config: Config, image: str) -> None:
    """End what lapses, and let what stands again be as it was; the rest in another message."""
    known = work.get(DELIVERIES, image)
    if known is None:
        return
    found = _turned(known, work.get(ACCESS, access.image_key(image)))
    for version, member, one in found[:AT_ONCE]:
        if one.lapsed:
            _mark(work, config, version, one.pods, lapsed=False)
            known = delivery.put(known, version, member, msgspec.structs.replace(one, lapsed=False))
        else:
            known = _end(work, config, known, version, member, one)
    if found:
        work.put(DELIVERIES, image, known if known.by else None)
    if len(found) > AT_ONCE:
        remind_review(work, image)


def _end(work: Work, config: Config, known: Deliveries, version: str, member: str, one: Delivered) -> Deliveries:
    """Give up what is not AVAILABLE of a delivery, and keep the rest for as long as it is whole."""
    placement, roster = work.get(PLACEMENT, version), work.get(ROSTER, version)
    if placement is None or roster is None:
        return delivery.put(known, version, member, None)
    left, gone, kept = dict(roster.wanted), list[Copy](), list[str]()
    for pod in delivery.alone(known, version, member):
        copies = [copy for number in range(roster.known.get(pod, 0)) if (copy := _copy(work, version, pod, number))]
        there = tuple(copy.replica for copy in copies if isinstance(copy, Available) and wanted(copy))
        if pod in left:
            left[pod] = tuple(number for number in left[pod] if number in there)
        gone += [copy for copy in copies if wanted(copy) and copy.replica not in there]
        kept += [pod] if there else []
    if gone:
        settled = settle_on(work, placement, with_wanted(roster, left), {}, gone=gone)
        take_back(work, config, settled, gone, WHY)
        policies.published(work, config, work.get(PLACEMENT, version) or settled)
    _mark(work, config, version, kept, lapsed=True)
    for job in one.jobs:
        _say_ended(work, placement, member, job)
    return delivery.put(known, version, member, msgspec.structs.replace(one, pods=tuple(kept), jobs=(), lapsed=True))


def _say_ended(work: Work, placement: Placement, member: str, job: str) -> None:
    ended = DeliveryEnded(
        delivery=job, version=placement.version, image=placement.image, tenant=placement.tenant, member=member
    )
    work.emit(ended, saga=job)


def _mark(work: Work, config: Config, version: str, pods: Collection[str], *, lapsed: bool) -> None:
    """Whether the copies on these pods are to be made again when they are lost."""
    placement, roster = work.get(PLACEMENT, version), work.get(ROSTER, version) or Roster()
    for pod in pods if placement is not None else ():
        for number in range(roster.known.get(pod, 0)):
            copy = _copy(work, version, pod, number)
            if copy is not None and placement is not None and copy.lapsed != lapsed:
                move(work, config, copy, (Lapsed(lapsed),), placement)


def _copy(work: Work, version: str, pod: str, replica: int) -> Copy | None:
    return work.get(COPY, copy_id(version, pod, replica))


# --- what the owner does ----------------------------------------------------------------------------------------------


def owned(work: Work, config: Config, placement: Placement, pods: Collection[str]) -> None:
    """The owner wants the version on these pods himself, whoever else does: those copies lapse with nobody's share.
    Their copies, and the image's deliveries, are loaded."""
    known = work.get(DELIVERIES, placement.image)
    if known is None or not pods:
        return
    now = delivery.owned(known, placement.version, pods)
    if now is not known:
        work.put(DELIVERIES, placement.image, now if now.by else None)
        _mark(work, config, placement.version, pods, lapsed=False)


def forgotten(work: Work, placement: Placement) -> None:
    """Nothing of the version is wanted any more, by anybody."""
    known = work.get(DELIVERIES, placement.image)
    if known is not None and known.of(placement.version):
        by = {version: members for version, members in known.by.items() if version != placement.version}
        work.put(DELIVERIES, placement.image, msgspec.structs.replace(known, by=by) if by else None)
