"""Retention policies: the commands about them, and which images they make the catalog look at (features.md F11)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from catalog.config import Config
from catalog.documents import IMAGE, RETENTIONS, SHELF, TALLY, gallery_key
from catalog.domain import keeping
from catalog.domain.keeping import Policy, Retentions, Shelf
from catalog.domain.patching import objection_to_revision
from catalog.domain.quota import Tally
from catalog.domain.revision import following
from catalog.reviews import review_daily, review_soon
from catalog.settings import CatalogSettings
from catalog.shelves import ShelfChanged
from catalog.views.gallery import retention_view
from contracts.errors import Problem
from contracts.keeping import Retention
from contracts.requests import Done, DropRetention, RunRetention, SetRetention
from contracts.views import RetentionView
from runtime.work import Get, Local, Message, Reaction, Ref, Work

APART = timedelta(milliseconds=50)
"""Between the images of a sweep."""


class SweepGalleries(Local, frozen=True, kw_only=True, tag="retention.sweep"):
    """The images of these galleries are to be looked at: now by one policy (``now``), or each at its time of day."""

    tenant: str
    policy: str
    galleries: tuple[str, ...]
    now: bool


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about retention policies."""
    settings = config.settings

    def on_sweep(message: Message[SweepGalleries], work: Work) -> None:
        _sweep(message.body, work, settings)

    def on_shelf(message: Message[ShelfChanged], work: Work) -> None:
        _shelve(message.body, work, settings)

    return {
        SetRetention: Reaction(_keys, _on_set),
        DropRetention: Reaction(_keys, _on_drop, refuses_anew=True),
        RunRetention: Reaction(_keys, _on_run, refuses_anew=True),
        SweepGalleries: Reaction(_sweep_keys, on_sweep),
        ShelfChanged: Reaction(_shelf_keys, on_shelf),
    }


def _keys(message: Message[SetRetention | DropRetention | RunRetention], _: Get) -> Iterator[Ref]:
    tenant = message.body.actor.tenant
    yield RETENTIONS(tenant)
    yield TALLY(tenant)


def _on_set(message: Message[SetRetention], work: Work) -> RetentionView | Problem:
    retention, tenant = message.body.retention, message.body.actor.tenant
    kept = work.get(RETENTIONS, tenant) or Retentions()
    if (problem := keeping.objection_to(retention)) is not None:
        return problem
    before = kept.by.get(retention.name)
    problem = objection_to_revision(message.body.revision, 0 if before is None else before.revision)
    if problem is not None:
        return problem
    if before is None and len(kept.by) >= keeping.MOST_POLICIES:
        return Problem(
            code="limit_exceeded",
            detail=f"there are {len(kept.by)} retention policies, and no more may be",
            hint="Drop one that is not needed, or let one hold for several galleries.",
            data={"limit": keeping.MOST_POLICIES},
        )
    if before is not None and before.retention == retention:
        return retention_view(before)
    revision = following(0 if before is None else before.revision, kept.highest, work.floor)
    policy = msgspec.structs.replace(before or Policy(retention=retention), retention=retention, revision=revision)
    work.put(RETENTIONS, tenant, msgspec.structs.replace(kept, by=kept.by | {retention.name: policy}))
    if not retention.suspended:
        _begin_sweep(work, tenant, retention, now=False)
    return retention_view(policy)


def _on_drop(message: Message[DropRetention], work: Work) -> Done | Problem:
    name, tenant = message.body.name, message.body.actor.tenant
    kept = work.get(RETENTIONS, tenant) or Retentions()
    if name not in kept.by:
        return retention_not_found(name)
    revision = kept.by[name].revision
    if (problem := objection_to_revision(message.body.revision, revision)) is not None:
        return problem
    by = {one: kept.by[one] for one in kept.by if one != name}
    work.put(RETENTIONS, tenant, Retentions(by=by, highest=max(kept.highest, revision)))
    return Done()


def _on_run(message: Message[RunRetention], work: Work) -> Done | Problem:
    name, tenant = message.body.name, message.body.actor.tenant
    policy = (work.get(RETENTIONS, tenant) or Retentions()).by.get(name)
    if policy is None:
        return retention_not_found(name)
    if policy.retention.suspended:
        return Problem(
            code="retention_invalid",
            detail=f"retention policy {name} is suspended",
            hint="End its suspension first; a preview shows what it would take.",
            data={"name": name},
        )
    _begin_sweep(work, tenant, policy.retention, now=True)
    return Done()


def retention_not_found(name: str) -> Problem:
    """The refusal when the tenant has no such policy."""
    return Problem(
        code="retention_not_found",
        detail=f"there is no retention policy {name[:80]!r}",
        hint="List the policies to see what there is.",
    )


def _begin_sweep(work: Work, tenant: str, retention: Retention, *, now: bool) -> None:
    galleries = retention.galleries or (work.get(TALLY, tenant) or Tally()).galleries
    sweep = SweepGalleries(tenant=tenant, policy=retention.name, galleries=galleries, now=now)
    _go_on(work, sweep, work.message.at)


def _go_on(work: Work, sweep: SweepGalleries, due: datetime) -> None:
    if sweep.galleries:
        work.remind(f"retention-sweep/{sweep.tenant}/{sweep.policy}/{sweep.now}", due, sweep, saga="")


def _sweep_keys(message: Message[SweepGalleries], _: Get) -> Iterator[Ref]:
    yield RETENTIONS(message.body.tenant)
    yield SHELF(gallery_key(message.body.tenant, message.body.galleries[0]))


def _sweep(sweep: SweepGalleries, work: Work, settings: CatalogSettings) -> None:
    """One gallery at a time, so that no transaction sets a reminder for each image of a large tenant; and its images
    one after the other, so that not all their versions are in memory at once."""
    policy = (work.get(RETENTIONS, sweep.tenant) or Retentions()).by.get(sweep.policy)
    if policy is None or policy.retention.suspended:
        return
    gallery, *rest = sweep.galleries
    shelf = work.get(SHELF, gallery_key(sweep.tenant, gallery)) or Shelf()
    only, due = policy.retention.images, work.message.at
    for image in shelf.images:
        if not sweep.now:
            review_daily(work, image, sweep.tenant, settings)
        elif not only or image in only:
            review_soon(work, image, sweep.tenant, sweep.policy, due)
            due += APART
    _go_on(work, msgspec.structs.replace(sweep, galleries=tuple(rest)), due)


def _shelf_keys(message: Message[ShelfChanged], _: Get) -> Iterator[Ref]:
    body = message.body
    yield IMAGE(body.image)
    yield SHELF(gallery_key(body.tenant, body.gallery))
    yield RETENTIONS(body.tenant)


def _shelve(changed: ShelfChanged, work: Work, settings: CatalogSettings) -> None:
    key = gallery_key(changed.tenant, changed.gallery)
    shelf = work.get(SHELF, key) or Shelf()
    there = work.get(IMAGE, changed.image) is not None
    if there and changed.image not in shelf.images:
        work.put(SHELF, key, Shelf(images=(*shelf.images, changed.image)))
    elif not there and changed.image in shelf.images:
        images = tuple(image for image in shelf.images if image != changed.image)
        work.put(SHELF, key, Shelf(images=images) if images else None)
    if there and (work.get(RETENTIONS, changed.tenant) or Retentions()).in_force:
        review_daily(work, changed.image, changed.tenant, settings)
