"""Reactions to what sharing says of tenants: one that leaves an account or an organisation has no more delivered to it
by what was shared with that (reliability.md F15)."""

from collections.abc import Iterator

import msgspec

from contracts.events.hub import TenantSet, VersionDeliveryRequested
from replicator import deliveries
from replicator.config import Config
from replicator.documents import DELIVERIES, MEMBER
from replicator.domain import delivery
from replicator.domain.delivery import Member
from replicator.messages import Belong, remind_belong
from runtime import access
from runtime.access import ACCESS
from runtime.work import Get, Message, Ref, Work

AT_ONCE = 16
"""Images of which one message looks at the deliveries."""


def set_keys(message: Message[TenantSet], get: Get) -> Iterator[Ref]:
    """The tenant's first deliveries, with the copies of those that the word ends."""
    words = message.body
    yield MEMBER(words.tenant)
    known: Member = get(MEMBER, words.tenant) or Member()
    if (now := delivery.told(known, words)) is not known:
        yield from _keys(words.tenant, now, "", get)


def set_tenant(message: Message[TenantSet], work: Work, config: Config) -> None:
    """Keep what the tenant is now, and end the deliveries that stood on what it is not any more, in the same moment."""
    words = message.body
    work.saga = ""
    known = work.get(MEMBER, words.tenant) or Member()
    if (now := delivery.told(known, words)) is not known:
        work.put(MEMBER, words.tenant, now)
        _go_on(work, config, words.tenant, now, "")


def belong_keys(message: Message[Belong], get: Get) -> Iterator[Ref]:
    """The tenant's next deliveries, with the copies of those that end."""
    tenant = message.body.tenant
    yield MEMBER(tenant)
    yield from _keys(tenant, get(MEMBER, tenant) or Member(), message.body.after, get)


def belong(message: Message[Belong], work: Work, config: Config) -> None:
    """Go on with the deliveries of a tenant that is something else now."""
    tenant = message.body.tenant
    _go_on(work, config, tenant, work.get(MEMBER, tenant) or Member(), message.body.after)


def _keys(tenant: str, now: Member, after: str, get: Get) -> Iterator[Ref]:
    for image in delivery.behind(now, after)[:AT_ONCE]:
        yield ACCESS(access.image_key(image))
        yield DELIVERIES(image)
        if (known := get(DELIVERIES, image)) is not None:
            known = delivery.became(known, tenant, now)
            yield from deliveries.turned_keys(image, known, get(ACCESS, access.image_key(image)), get)


def _go_on(work: Work, config: Config, tenant: str, now: Member, after: str) -> None:
    """The tenant's deliveries of the next images are those of what it is now; the rest in another message."""
    images = delivery.behind(now, after)
    over = set[str]()
    for image in images[:AT_ONCE]:
        if (known := work.get(DELIVERIES, image)) is not None:
            if (turned := delivery.became(known, tenant, now)) is not known:
                work.put(DELIVERIES, image, turned)
            deliveries.turn(work, config, image)
        if (left := work.get(DELIVERIES, image)) is None or tenant not in left.members:
            over.add(image)
    _keep(work, tenant, delivery.without(now, over))
    if len(images) > AT_ONCE:
        remind_belong(work, tenant, images[AT_ONCE - 1])


# --- what is delivered ------------------------------------------------------------------------------------------------


def current(work: Work, words: VersionDeliveryRequested) -> VersionDeliveryRequested:
    """The request as from what the member is now, as far as sharing spoke of it. Reads the member."""
    now = work.get(MEMBER, words.member) or Member()
    return msgspec.structs.replace(words, principals=delivery.principals_now(words.principals, now))


def note(work: Work, tenant: str, image: str) -> None:
    """Something of the image is delivered to the tenant."""
    known = work.get(MEMBER, tenant) or Member()
    if image not in known.images:
        work.put(MEMBER, tenant, msgspec.structs.replace(known, images=tuple(sorted((*known.images, image)))))


def gone_keys(image: str, get: Get) -> Iterator[Ref]:
    """Everybody that something of the image is delivered to."""
    known = get(DELIVERIES, image)
    for tenant in () if known is None else known.members:
        yield MEMBER(tenant)


def gone(work: Work, image: str) -> None:
    """Nothing of the image is delivered to anybody any more."""
    known = work.get(DELIVERIES, image)
    for tenant in () if known is None else known.members:
        _keep(work, tenant, delivery.without(work.get(MEMBER, tenant) or Member(), {image}))


def _keep(work: Work, tenant: str, now: Member) -> None:
    if now != work.get(MEMBER, tenant):
        work.put(MEMBER, tenant, None if now == Member() else now)
