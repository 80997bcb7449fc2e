"""Saying the events of a decision, and letting the version, its image and its job follow them."""

from collections.abc import Iterable

from catalog.documents import IMAGE, JOB, NUMBER, VERSION, number_key
from catalog.domain import image as images
from catalog.domain import job as jobs
from catalog.domain import version as versions
from catalog.domain.revision import above
from catalog.domain.version import Version
from catalog.views import counts_of
from contracts.events import Event
from contracts.events.hub import VersionFailed
from runtime.work import Work


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
        version = versions.evolve(version, event, at, work.saga)
        if job is not None:
            publication = versions.publication_of(version)
            ended = None if publication is None else publication.ended
            job = jobs.evolve(job, event, at, counts_of(version), ended)
    work.put(VERSION, id, version)
    if job is not None:
        work.put(JOB, version.job, job)
    return version


def follow_import(work: Work, id: str, version: Version, events: Iterable[Event]) -> Version:
    """`follow` for events of an import, which move the image too and free the number when the import failed."""
    events = tuple(events)
    version = follow(work, id, version, events)
    image = work.get(IMAGE, version.image)
    image = None if image is None else above(image, work.floor)
    for event in events:
        if isinstance(event, VersionFailed):
            work.put(NUMBER, number_key(version.image, version.number), None)
        if image is not None:
            for more in images.decide(image, version.image, event):
                work.emit(more)
                image = images.evolve(image, more)
            image = images.evolve(image, event)
    if image is not None:
        work.put(IMAGE, version.image, image)
    return version
