"""Saying the events of a decision, and letting the version, its image and its job follow them."""

from collections.abc import Iterable, Iterator

import msgspec

from catalog import quotas, shelves
from catalog.documents import CHILDREN, IMAGE, JOB, NUMBER, ROSTER, VERSION, Children, Roster, number_key
from catalog.domain import happening
from catalog.domain import image as images
from catalog.domain import job as jobs
from catalog.domain import version as versions
from catalog.domain.revision import above
from catalog.domain.version import DeploymentDone, Version
from catalog.views import counts_of
from contracts.events import Event
from contracts.events.hub import VersionDeployed, VersionFailed
from runtime.work import Get, Local, Ref, Work


class RemovalDue(Local, frozen=True, kw_only=True, tag="removal.due"):
    """A version that is on its way out is to take its next step: its time passed, or its last copy is gone."""

    version: str


def removal_name(version: str) -> str:
    """The name of that reminder."""
    return f"removal/{version}"


def refs(version: Version, get: Get) -> Iterator[Ref]:
    """The documents that `follow_import` reads, beside the version itself."""
    yield IMAGE(version.image)
    if (image := get(IMAGE, version.image)) is not None:
        yield from quotas.refs(image.tenant, image.gallery)
    yield JOB(version.job)
    yield ROSTER(version.image)
    if version.parent:
        yield CHILDREN(version.parent)


def version_of(work: Work, id: str) -> Version | None:
    """Version ``id`` as it is to be decided about: its next revision is newer than all that were said of it."""
    version = work.get(VERSION, id)
    return None if version is None else above(version, work.floor)


def follow(work: Work, id: str, version: Version, events: Iterable[Event]) -> Version:
    """Say ``events`` about version ``id`` and store it and its job as they are after them."""
    at = work.message.at
    job = work.get(JOB, version.job)
    for event in events:
        work.emit(event)
        version = happening.evolve(version, event, at, work.saga)
        if job is not None:
            publication = versions.publication_of(version)
            ended = None if publication is None else publication.ended
            job = jobs.evolve(job, event, at, counts_of(version), ended)
    work.put(VERSION, id, version)
    if job is not None:
        work.put(JOB, version.job, job)
    removal = version.life.removal
    if removal is not None and removal.stage == "DELETING" and isinstance(version, DeploymentDone):
        work.remind(removal_name(id), at, RemovalDue(version=id))  # what a copy event has not loaded is needed for it
    return version


def marked(work: Work, id: str, version: Version, event: Event) -> Version:
    """Say ``event`` about version ``id``, of which a mark was set, and store it: that is no matter of its job."""
    work.emit(event)
    version = happening.evolve(version, event, work.message.at, work.saga)
    work.put(VERSION, id, version)
    return version


def follow_import(work: Work, id: str, version: Version, events: Iterable[Event]) -> Version:
    """`follow` for events of an import, which move the image too and free the number when the import failed."""
    events = tuple(events)
    version = follow(work, id, version, events)
    image = work.get(IMAGE, version.image)
    image = None if image is None else above(image, work.floor)
    for event in events:
        if isinstance(event, VersionDeployed):
            _enrol(work, id, version)
        if isinstance(event, VersionFailed):
            work.put(NUMBER, number_key(version.image, version.number), None)
            if image is not None:
                quotas.give_back(work, image.tenant, image.gallery, versions=1, bytes=version.counted)
        if image is not None:
            for more in images.decide(image, version.image, event):
                work.emit(more)
                image = images.evolve(image, more)
            image = images.evolve(image, event)
            if isinstance(event, VersionDeployed):
                if not image.versions:
                    shelves.look(work, version.image, image)
                image = msgspec.structs.replace(image, versions=image.versions + 1)
    if image is not None:
        work.put(IMAGE, version.image, image)
    return version


def _enrol(work: Work, id: str, version: Version) -> None:
    """The version exists from now on: among those of its image, and as a child of the one that it was made from."""
    roster = work.get(ROSTER, version.image) or Roster()
    if id not in roster.versions:
        work.put(ROSTER, version.image, Roster(versions=(*roster.versions, id)))
    if version.parent:
        children = work.get(CHILDREN, version.parent) or Children()
        if id not in children.versions:
            work.put(CHILDREN, version.parent, Children(versions=(*children.versions, id)))
