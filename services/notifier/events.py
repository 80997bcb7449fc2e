"""What the catalog and the replicator say becomes deliveries, one for each webhook that wants it.

An event belongs to the tenant that it names. What the replicator says names a version and not its tenant, so the
notifier remembers whose each version is from the first word about it: `VersionRequested` stands in the stream before
everything else about the version. An event about a version that was never heard of is nobody's and is delivered to
nobody. Whose a version is can be learned only from events that are about the version: a pool may be another tenant's
than the image that it is made from. Whom the words of sharing are for is told in `shares`.
"""

from collections.abc import Iterator
from typing import Any

import structlog

from contracts import codec
from notifier.documents import DELIVERY, HOOK, HOOKS, TALLY, VERSION
from notifier.domain.delivery import Pending, begun
from notifier.domain.hook import Facts, Hooks, Version, wants
from notifier.domain.tally import Tally
from runtime.work import Get, Message, Ref, Work

log = structlog.get_logger()


def keys(message: Message[Any], get: Get) -> Iterator[Ref]:
    """Whose the event is, the tenant's webhooks, and how many deliveries wait for each."""
    event = message.body
    id = getattr(event, "version", "")
    if id:
        yield VERSION(id)
    tenant = getattr(event, "tenant", None)
    if tenant is None:
        version = get(VERSION, id)
        tenant = None if version is None else version.tenant
    if tenant is not None:
        yield from hooks_of(tenant, get)


def hooks_of(tenant: str, get: Get) -> Iterator[Ref]:
    """A tenant's webhooks, and how many deliveries wait for each."""
    yield HOOKS(tenant)
    for hook in (get(HOOKS, tenant) or Hooks()).ids:
        yield HOOK(hook)
        yield TALLY(hook)


def on_event(message: Message[Any], work: Work) -> None:
    """Keep the event for every webhook whose filters it passes; it is posted after commit."""
    event = message.body
    about = _whose(event, work)
    if about is None:
        log.warning("event_of_unknown_version", type=event.type_name(), version=event.version)
        return
    tell(message, work, about.tenant, about.image)


def tell(message: Message[Any], work: Work, tenant: str, image: str) -> None:
    """Begin the deliveries of an event, which is about ``image``, to the webhooks of a tenant."""
    event, hooks = message.body, work.get(HOOKS, tenant)
    if hooks is None:
        return
    version, pod = getattr(event, "version", ""), getattr(event, "pod", None)
    facts = Facts(words=event.words(), version=version, image=image, pod=pod)
    for id in hooks.ids:
        hook = work.get(HOOK, id)
        if hook is not None and wants(hook, facts):
            post(work, id, message.id, event.type_name(), getattr(event, event.about), codec.encode(event))


def post(work: Work, hook: str, event: str, type_name: str, subject: str, data: bytes) -> tuple[str, Pending]:
    """Begin a delivery to a webhook; it and its id."""
    delivery = begun(hook=hook, event=event, type_name=type_name, subject=subject, at=work.message.at, data=data)
    id = work.new_id()
    work.put(DELIVERY, id, delivery)
    work.put(TALLY, hook, (work.get(TALLY, hook) or Tally()).moved(None, delivery))
    return id, delivery


def _whose(event: Any, work: Work) -> Version | None:
    """The tenant and the image that an event is about."""
    id, tenant = getattr(event, "version", ""), getattr(event, "tenant", None)
    known = work.get(VERSION, id) if id else None
    if tenant is None:
        return known
    image = getattr(event, "image", "" if known is None else known.image)
    if id and known is None and event.about == "version" and image:
        work.put(VERSION, id, Version(tenant=tenant, image=image))
    return Version(tenant=tenant, image=image)
