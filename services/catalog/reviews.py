"""Looking at an image as the retention policies of its tenant do, and taking what they find (features.md F11).

Each image is looked at once a day, at a time of its own, as long as its tenant has a policy in force. What a policy
takes goes the way that a person would send it (`catalog.deletion`, `catalog.lives`), and so may be refused: then the
version stays until it is looked at again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from catalog import deletion, lives, purging
from catalog.config import Config
from catalog.documents import IMAGE, MARKERS, RETENTIONS, ROSTER, USES, VERSION
from catalog.domain import keeping
from catalog.domain.image import Image
from catalog.domain.keeping import Retentions, Victim
from catalog.domain.revision import above
from catalog.domain.version import Version
from catalog.follow import version_of
from catalog.references import Found
from catalog.settings import CatalogSettings
from contracts.errors import Problem
from contracts.keeping import Retention
from contracts.requests import Actor
from runtime import access
from runtime.access import ACCESS
from runtime.work import Get, Local, Message, Reaction, Ref, Work

STEP = 64
"""Versions taken in one transaction."""


class ReviewImage(Local, frozen=True, kw_only=True, tag="retention.review"):
    """An image is to be held against a policy of its tenant, or against all: then one after the other, until none
    finds anything (``daily``). ``skip`` are versions that it was tried in vain to take."""

    image: str
    tenant: str
    policy: str = ""
    daily: bool = False
    skip: tuple[str, ...] = ()

    @property
    def author(self) -> str:
        """Who changes what is changed, for the audit log."""
        return author(self.policy)


def author(policy: str) -> str:
    """A policy as one who does something."""
    return f"retention:{policy}"


class _Step(NamedTuple):
    """What is to be taken next of an image, and under which policy."""

    policy: Retention
    victims: list[Victim]


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to an image whose time to be looked at has come."""
    settings = config.settings

    def on_review(message: Message[ReviewImage], work: Work) -> None:
        _review(message.body, work, settings)

    return {ReviewImage: Reaction(_review_keys, on_review)}


def review_soon(work: Work, image: str, tenant: str, policy: str, due: datetime) -> None:
    """Hold an image against one policy when ``due``."""
    body = ReviewImage(image=image, tenant=tenant, policy=policy)
    work.remind(_name(body), due, body, saga="")


def review_daily(work: Work, image: str, tenant: str, settings: CatalogSettings) -> None:
    """Look at an image when its time comes: said again, it is the same time, and so never put off."""
    due = next_review(image, work.message.at, settings.retention_interval)
    work.remind(f"retention/{image}", due, ReviewImage(image=image, tenant=tenant), saga="")


def next_review(image: str, at: datetime, interval: float) -> datetime:
    """The first time after ``at`` at which an image is looked at: each ``interval`` seconds, spread by its id."""
    offset = int(image[-8:], 16) % interval
    rounds = (at.timestamp() - offset) // interval + 1
    return max(datetime.fromtimestamp(offset + rounds * interval, UTC), at + timedelta(seconds=1))


def _review_keys(message: Message[ReviewImage], get: Get) -> Iterator[Ref]:
    body = message.body
    yield IMAGE(body.image)
    yield RETENTIONS(body.tenant)
    image = get(IMAGE, body.image)
    if image is None or not _policies(body, get):
        return
    yield ACCESS(access.gallery_key(image.tenant, image.gallery))
    yield ROSTER(body.image)
    yield MARKERS(body.image)
    roster = get(ROSTER, body.image)
    for id in () if roster is None else roster.versions:
        yield VERSION(id)
        yield USES(id)
    step = _next_step(body, get, message.at)
    for victim in () if step is None else step.victims:
        version = get(VERSION, victim.version)
        if version is not None:
            yield from purging.refs(victim.version, version, get)


def _policies(body: ReviewImage, get: Get) -> list[Retention]:
    kept: Retentions | None = get(RETENTIONS, body.tenant)
    in_force = [] if kept is None else kept.in_force
    return [one for one in in_force if body.policy in ("", one.name)]


def _next_step(body: ReviewImage, get: Get, at: datetime) -> _Step | None:
    """The first policy that finds something to take of the image, with as much of it as one transaction takes."""
    image: Image | None = get(IMAGE, body.image)
    policies = _policies(body, get)
    if image is None or image.tenant != body.tenant or not policies or (roster := get(ROSTER, body.image)) is None:
        return None
    versions: dict[str, Version] = {id: one for id in roster.versions if (one := get(VERSION, id)) is not None}
    uses = {id: get(USES, id) for id in versions}
    gallery = get(ACCESS, access.gallery_key(image.tenant, image.gallery))
    opened = gallery is not None and gallery.sharing != "private"
    for policy in policies:
        if keeping.covers(policy, body.image, image, opened=opened):
            found = keeping.victims(policy, image, versions, get(MARKERS, body.image), uses, at)
            left = [victim for victim in found if victim.version not in body.skip]
            if left:
                return _Step(policy, left[:STEP])
    return None


def _review(body: ReviewImage, work: Work, settings: CatalogSettings) -> None:
    work.saga = ""
    step = _next_step(body, work.get, work.message.at)
    if step is None:
        if body.policy and body.daily:
            _review_again(work, msgspec.structs.replace(body, policy=""))
        elif work.get(IMAGE, body.image) is not None and _policies(body, work.get):
            review_daily(work, body.image, body.tenant, settings)
        return
    if not body.policy:
        _review_again(work, msgspec.structs.replace(body, policy=step.policy.name, daily=True))
        return
    refused = tuple(victim.version for victim in step.victims if not _take(step.policy, victim, body, work, settings))
    _note(work, body.tenant, step.policy, len(step.victims) - len(refused))
    _review_again(work, msgspec.structs.replace(body, skip=(*body.skip, *refused)))


def _review_again(work: Work, body: ReviewImage) -> None:
    work.remind(_name(body), work.message.at, body, saga="")


def _name(body: ReviewImage) -> str:
    """The name of the reminder: what is asked for beside the daily look has one of its own."""
    alone = body.policy and not body.daily
    return f"retention/{body.image}/{body.policy}" if alone else f"retention/{body.image}"


def _take(policy: Retention, victim: Victim, body: ReviewImage, work: Work, settings: CatalogSettings) -> bool:
    """Do to one version what the policy says; False when that was refused."""
    image, version = work.get(IMAGE, body.image), version_of(work, victim.version)
    if image is None or version is None:
        return False
    found = Found(body.image, above(image, work.floor), victim.version, version)
    match policy.action:
        case "DELETE":
            actor = Actor(tenant=body.tenant, name=author(policy.name), roles=("owner",))
            return not isinstance(deletion.begin(work, found, actor, settings), Problem)
        case "DISABLE":
            lives.disable(work, found)
        case "DEPRECATE":
            lives.deprecate(work, found, "DEPRECATED")
    return True


def _note(work: Work, tenant: str, retention: Retention, taken: int) -> None:
    kept = work.get(RETENTIONS, tenant) or Retentions()
    policy = kept.by.get(retention.name)
    if policy is not None and taken:
        after = msgspec.structs.replace(policy, ran=work.message.at, taken=policy.taken + taken)
        work.put(RETENTIONS, tenant, msgspec.structs.replace(kept, by=kept.by | {retention.name: after}))
