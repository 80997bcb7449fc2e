"""What the catalog and the replicator say becomes deliveries, one for each webhook that wants it.

Events name a version and not its tenant, so the notifier remembers whose each version is from the first word about it:
`VersionRequested` stands in the stream before everything else about the version. An event about a version that was
never heard of is nobody's and is delivered to nobody.
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
    """Whose the version is, the tenant's webhooks, and how many deliveries wait for each."""
    event = message.body
    yield VERSION(event.version)
    tenant = getattr(event, "tenant", None)
    if tenant is None:
        version = get(VERSION, event.version)
        tenant = None if version is None else version.tenant
    if tenant is not None:
        yield HOOKS(tenant)
        for hook in (get(HOOKS, tenant) or Hooks()).ids:
            yield HOOK(hook)
            yield TALLY(hook)


def on_event(message: Message[Any], work: Work) -> None:
    """Keep the event for every webhook whose filters it passes; it is posted after commit."""
    event = message.body
    version = _version(event, work)
    if version is None:
        log.warning("event_of_unknown_version", type=event.type_name(), version=event.version)
        return
    hooks = work.get(HOOKS, version.tenant)
    if hooks is None:
        return
    facts = Facts(words=event.words(), version=event.version, image=version.image, pod=getattr(event, "pod", None))
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


def _version(event: Any, work: Work) -> Version | None:
    known = work.get(VERSION, event.version)
    if known is None and hasattr(event, "tenant") and hasattr(event, "image"):
        known = Version(tenant=event.tenant, image=event.image)
        work.put(VERSION, event.version, known)
    return known
