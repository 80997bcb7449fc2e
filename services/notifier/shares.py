"""Whom the words of sharing are for: the image's owner, and the tenants that it is offered to by name.

Somebody who is offered an image as one of an account or of an organisation is told nothing here, but finds it among his
shares: who belongs to those is looked up when he asks, and known to nobody before.
"""

from collections.abc import Iterator
from typing import TypeAlias

from contracts.events.hub import (
    ShareAccepted,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
)
from contracts.principals import is_tenant
from notifier.events import hooks_of, tell
from runtime import access
from runtime.access import ACCESS, Access
from runtime.work import Get, Message, Ref, Work

Shared: TypeAlias = ShareOffered | ShareAccepted | ShareRejected | ShareRevoked | ShareSuspended | ShareResumed
EVENTS: tuple[type, ...] = (
    ShareOffered,
    ShareAccepted,
    ShareRejected,
    ShareRevoked,
    ShareSuspended,
    ShareResumed,
)
"""What is said of an image and of those that it is shared with."""


def keys(message: Message[Shared], get: Get) -> Iterator[Ref]:
    """Whom the image is offered to, and the webhooks of those who are to hear."""
    yield from access.keys(message, get)
    for tenant in _hearers(message.body, get(ACCESS, access.about(message.body))):
        yield from hooks_of(tenant, get)


def on_share(message: Message[Shared], work: Work) -> None:
    """Remember whom the image is offered to, and keep the event for the webhooks that want it."""
    event = message.body
    known = work.get(ACCESS, access.about(event))
    access.follow(work, event)
    for tenant in _hearers(event, known):
        tell(message, work, tenant, event.image)


def _hearers(event: Shared, known: Access | None) -> list[str]:
    """The tenants that are to hear: the owner, the member that it is about; of what is about all members, those that
    the image is offered to."""
    if isinstance(event, ShareSuspended | ShareResumed):
        offers = {} if known is None else known.offers
        members = [one for one, offer in offers.items() if not offer.ended]
    else:
        members = [event.member]
    tenants = {one for one in members if is_tenant(one)}
    return sorted(tenants | ({event.owner} if event.owner else set()))
