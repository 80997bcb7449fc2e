"""Reactions to deliveries of shared versions: beginning one, and following its copies to their end."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from catalog import entitled
from catalog.config import Config
from catalog.documents import COPY, DELIVERIES, IMAGE, JOB, MEMBERSHIP, NUMBER, ROSTER, VERSION, number_key
from catalog.domain import delivering, lives
from catalog.domain import job as jobs
from catalog.domain.delivering import Deliveries, Delivery
from catalog.domain.image import Image
from catalog.domain.life import gone
from catalog.domain.version import Version, manifest_of
from catalog.settings import CatalogSettings
from contracts.errors import Failure
from contracts.events.hub import DeliveryEnded, DeliveryPlanned, ShareDeliveryRequested
from contracts.names import copy_id
from runtime.work import Get, Local, Message, Reaction, Ref, Work


class DeliveryDue(Local, frozen=True, kw_only=True, tag="delivery.due"):
    """A copy of a version that is being delivered came to an end; or, with ``job``, the time of that one is over."""

    version: str
    job: str = ""


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about deliveries."""
    settings = config.settings
    return {
        ShareDeliveryRequested: Reaction(_begin_keys, lambda message, work: _on_requested(message, work, settings)),
        DeliveryPlanned: Reaction(_due_keys, _on_planned),
        DeliveryEnded: Reaction(_due_keys, _on_ended),
        DeliveryDue: Reaction(_due_keys, _on_due),
    }


def look(work: Work, version: str, copy: str) -> None:
    """Have the deliveries of a version looked at: this copy of it came to an end."""
    work.remind(f"delivery/{copy}", work.message.at, DeliveryDue(version=version), saga="")


# --- beginning --------------------------------------------------------------------------------------------------------


def _begin_keys(message: Message[ShareDeliveryRequested], get: Get) -> Iterator[Ref]:
    event = message.body
    yield from entitled.refs(event.image, get)
    yield MEMBERSHIP(event.member)
    yield JOB(event.delivery)
    versions: tuple[str, ...] = ()
    if event.number:
        key = number_key(event.image, event.number)
        yield NUMBER(key)
        if (claim := get(NUMBER, key)) is not None:
            versions = (claim.id,)
    else:
        yield ROSTER(event.image)
        if (roster := get(ROSTER, event.image)) is not None:
            versions = roster.versions
    for version in versions:
        yield VERSION(version)
    if (found := _version(event, get, message)) is not None:
        yield DELIVERIES(found[0])
        for pod in event.pods:
            yield COPY(copy_id(found[0], pod, 0))


def _version(
    event: ShareDeliveryRequested, get: Get, message: Message[ShareDeliveryRequested]
) -> tuple[str, Version] | None:
    """The version that is to be delivered, as far as documents are loaded."""
    image = get(IMAGE, event.image)
    if image is None:
        return None
    if event.number:
        claim = get(NUMBER, number_key(event.image, event.number))
        named = None if claim is None else get(VERSION, claim.id)
        return None if named is None or gone(named.life) else (claim.id, named)
    roster = get(ROSTER, event.image)
    known = () if roster is None else roster.versions
    found = [(id, version) for id in known if (version := get(VERSION, id)) is not None]
    return delivering.newest(image, found, message.at)


def _on_requested(message: Message[ShareDeliveryRequested], work: Work, settings: CatalogSettings) -> None:
    event, at = message.body, message.at
    work.saga = job = event.delivery
    image, found = work.get(IMAGE, event.image), _version(event, work.get, message)
    if work.get(JOB, job) is not None:
        return
    failure = _objection(event, image, found, work)
    begun = jobs.Processing(
        kind="deliver",
        tenant=event.member,
        actor=event.actor,
        image=event.image,
        gallery="" if image is None or failure is not None else image.gallery,
        name="" if image is None or failure is not None else image.name,
        version="" if found is None or failure is not None else found[0],
        number=event.number if found is None or failure is not None else found[1].number,
        pods=event.pods,
        created=at,
        updated=at,
    )
    work.put(JOB, job, begun)
    if failure is not None or image is None or found is None:
        failure = failure or _failure("share_revoked", "there is no such image any more")
        work.put(JOB, job, jobs.failed(begun, failure, at, begun.copies))
        return
    id, version = found
    copies = {pod: work.get(COPY, copy_id(id, pod, 0)) for pod in event.pods}
    delivery = Delivery(
        member=event.member,
        principals=event.principals,
        since={pod: 0 if copy is None else copy.revision for pod, copy in copies.items()},
    )
    known = work.get(DELIVERIES, id) or Deliveries()
    work.put(DELIVERIES, id, Deliveries(by=known.by | {job: delivery}))
    work.put(VERSION, id, msgspec.structs.replace(version, delivering=True))
    work.emit(delivering.requested(image, id, version, job, delivery))
    due = at + timedelta(seconds=settings.publish_deadline)
    work.remind(f"delivery/{job}", due, DeliveryDue(version=id, job=job))
    _settle(work, id, job, delivery, overdue=False)


def _objection(
    event: ShareDeliveryRequested, image: Image | None, found: tuple[str, Version] | None, work: Work
) -> Failure | None:
    """Why nothing is delivered; whoever lost the image learns nothing of it."""
    if image is None or not entitled.tenant_reads(work, event.member, event.principals, event.image, image):
        return _failure("share_revoked", "the image is not shared with the tenant")
    if found is None:
        return _failure("no_latest", "no version of the image can be used", "Ask the owner to publish one.")
    _, version = found
    unusable = lives.objection_to_use(image, version, work.message.at) or lives.objection_to_data(version)
    if unusable is not None:
        return _failure(unusable.code, unusable.detail, unusable.hint)
    if manifest_of(version) is None or not version.usable:
        return _failure("version_not_ready", f"version {version.number} is not published", "Ask the owner to.")
    return None


def _failure(code: str, text: str, hint: str = "") -> Failure:
    return Failure(code=code, step="deliver", text=text, hint=hint)


# --- following --------------------------------------------------------------------------------------------------------


def _due_keys(message: Message[DeliveryDue | DeliveryPlanned | DeliveryEnded], get: Get) -> Iterator[Ref]:
    id = message.body.version
    yield VERSION(id)
    yield DELIVERIES(id)
    known = get(DELIVERIES, id)
    for job, delivery in ({} if known is None else known.by).items():
        yield JOB(job)
        yield MEMBERSHIP(delivery.member)
        for pod in delivery.since:
            yield COPY(copy_id(id, pod, 0))
    if (version := get(VERSION, id)) is not None:
        yield from entitled.refs(version.image, get)


def _on_planned(message: Message[DeliveryPlanned], work: Work) -> None:
    event = message.body
    work.saga = ""
    known = work.get(DELIVERIES, event.version) or Deliveries()
    if (delivery := known.by.get(event.delivery)) is None:
        return
    delivery = msgspec.structs.replace(delivery, refused=event.refused)
    work.put(DELIVERIES, event.version, Deliveries(by=known.by | {event.delivery: delivery}))
    if (job := work.get(JOB, event.delivery)) is not None:
        work.put(JOB, event.delivery, msgspec.structs.replace(job, refused=event.refused))
    _settle(work, event.version, event.delivery, delivery, overdue=False)


def _on_ended(message: Message[DeliveryEnded], work: Work) -> None:
    event = message.body
    work.saga = ""
    delivery = (work.get(DELIVERIES, event.version) or Deliveries()).by.get(event.delivery)
    if delivery is not None:
        why = _failure("share_revoked", "the image is not shared with the tenant any more")
        _settle(work, event.version, event.delivery, delivery, overdue=True, why=why)


def _on_due(message: Message[DeliveryDue], work: Work) -> None:
    id = message.body.version
    work.saga = ""
    for job, delivery in (work.get(DELIVERIES, id) or Deliveries()).by.items():
        _settle(work, id, job, delivery, overdue=job == message.body.job)


def _settle(work: Work, id: str, job: str, delivery: Delivery, *, overdue: bool, why: Failure | None = None) -> None:
    """End a delivery whose copies all came to an end, or for which nobody waits any longer."""
    begun, at = work.get(JOB, job), work.message.at
    if begun is not None and jobs.running(begun):
        copies = {pod: work.get(COPY, copy_id(id, pod, 0)) for pod in delivery.since}
        why = why or _why(work, id, delivery, overdue=overdue)
        end = delivering.over if overdue else delivering.ended
        if (now := end(begun, delivery, copies, at, why)) is None:
            return
        work.saga = job
        work.put(JOB, job, now)
    left = {one: other for one, other in (work.get(DELIVERIES, id) or Deliveries()).by.items() if one != job}
    work.put(DELIVERIES, id, Deliveries(by=left) if left else None)
    version = work.get(VERSION, id)
    if version is not None and not left:
        work.put(VERSION, id, msgspec.structs.replace(version, delivering=False))
    work.forget(f"delivery/{job}")


def _why(work: Work, id: str, delivery: Delivery, *, overdue: bool) -> Failure:
    """Why copies are not there."""
    version = work.get(VERSION, id)
    image = None if version is None else work.get(IMAGE, version.image)
    if version is None or image is None:
        return _failure("share_revoked", "there is no such version any more")
    if not entitled.tenant_reads(work, delivery.member, delivery.principals, version.image, image, id):
        return _failure("share_revoked", "the image is not shared with the tenant any more")
    if overdue:
        return _failure("deadline_exceeded", "not all copies came in time", "Accept the offer again, with these pods.")
    return _failure("all_copies_failed", "copies failed, or were given up", "Look at the pods, and accept again.")
