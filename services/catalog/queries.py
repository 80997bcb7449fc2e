"""The read side: every query of the catalog, answered from committed state and inside the asker's own tenant.

``migrations/`` has the views that are read here, and an index for each list.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from catalog import pages
from catalog.documents import IMAGE, IMAGE_NAME, JOB, NUMBER, POD, VERSION, name_key, number_key
from catalog.domain.image import Image
from catalog.domain.number import normalise, rank
from catalog.domain.pod import enrolled
from catalog.references import ById, ByName, image_not_found, job_not_found, parse, version_not_found
from catalog.views import image_view, job_view, version_view
from contracts.errors import Problem
from contracts.requests import (
    GetImage,
    GetJob,
    GetTimeline,
    GetVersion,
    ImagePage,
    JobPage,
    ListImages,
    ListJobs,
    ListVersions,
    Request,
    TimelinePage,
    VersionPage,
)
from contracts.views import ImageView, JobView, TimelineView, VersionView
from runtime.requests import Query
from runtime.store import Reader, from_epoch

LATEST_NUMBER = "SELECT number FROM versions WHERE image = ? AND latest = 1 ORDER BY rank DESC LIMIT 1"
LATEST = "SELECT id, body FROM versions WHERE image = ? AND latest = 1 ORDER BY rank DESC LIMIT 1"
LATEST_ON_POD = """
    SELECT id, body FROM versions AS v WHERE image = ? AND usable = 1 AND EXISTS (
        SELECT 1 FROM copies AS c
        WHERE c.id > v.id || ? AND c.id < v.id || ? AND c.state = 'AVAILABLE' AND NOT CASE
            WHEN c.publication = v.publication THEN c.excluded
            ELSE coalesce(json_extract(v.exceptions, ?), v.excluded)
        END
    ) ORDER BY rank DESC LIMIT 1"""
USABLE = "SELECT 1 FROM versions WHERE image = ? AND usable = 1 LIMIT 1"
NEWEST_OF_NUMBER = """
    SELECT id, body FROM versions WHERE image = ? AND place > ? AND place < ? ORDER BY place DESC LIMIT 1"""
IMAGES = """
    SELECT path, id, body, (
        SELECT number FROM versions AS v WHERE v.image = +images.id AND v.latest = 1 ORDER BY v.rank DESC LIMIT 1
    ) FROM images WHERE {where} ORDER BY path LIMIT ?"""
VERSIONS = "SELECT place, id, body FROM versions WHERE {where} ORDER BY place DESC LIMIT ?"
JOBS = """
    SELECT j.id, j.body, v.body FROM jobs AS j
    LEFT JOIN documents AS v ON v.kind = 'version' AND v.id = j.version
    WHERE {where} ORDER BY j.id DESC LIMIT ?"""
TIMELINE = """
    SELECT seq, id, at, event, speaker, body FROM timeline WHERE saga = ? AND seq > ? ORDER BY seq LIMIT ?"""


async def list_images(query: ListImages, reader: Reader) -> ImagePage | Problem:
    """Images of the tenant by gallery and name."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, str)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    # The paths of a gallery are those between "gallery/" and "gallery0" ("0" is what follows "/").
    start, end = (None, None) if query.gallery is None else (f"{query.gallery}/", f"{query.gallery}0")
    start = max(filter(None, (start, cursor)), default=None)
    where, values = _where(
        {"tenant = ?": query.actor.tenant, "state = ?": query.state, "path > ?": start, "path < ?": end}
    )
    rows = await reader.rows(IMAGES.format(where=where), (*values, limit + 1))
    page = pages.cut(rows, limit, body=2)
    items = tuple(image_view(id, IMAGE.decode(body), latest) for _, id, body, latest in page.rows)
    return ImagePage(items=items, next=page.next)


async def get_image(query: GetImage, reader: Reader) -> ImageView | Problem:
    """One image of the tenant."""
    found = await _find(query, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    id, image = found
    latest = await reader.rows(LATEST_NUMBER, (id,))
    return image_view(id, image, latest[0][0] if latest else None)


async def list_versions(query: ListVersions, reader: Reader) -> VersionPage | Problem:
    """The versions of an image, highest number first; of those with the same number the newest first."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, str)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    found = await _find(query, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    image_id, image = found
    where, values = _where({"image = ?": image_id, "state = ?": query.state, "place < ?": cursor})
    rows = await reader.rows(VERSIONS.format(where=where), (*values, limit + 1))
    page = pages.cut(rows, limit, body=2)
    items = tuple(version_view(id, VERSION.decode(body), image) for _, id, body in page.rows)
    return VersionPage(items=items, next=page.next)


async def get_version(query: GetVersion, reader: Reader) -> VersionView | Problem:
    """A version by number, or ``latest``: the highest number that can be used, on a pod if one is named.

    A number that failed imports left free shows the last of them.
    """
    found = await _find(query, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    image_id, image = found
    if query.number == "latest":
        row = await _latest(image_id, query.pod, reader)
        if isinstance(row, Problem):
            return row
    else:
        number = normalise(query.number)
        if number is None:
            return version_not_found(query.number)
        claim = await reader.get(NUMBER, number_key(image_id, number))
        if claim is not None and (version := await reader.get(VERSION, claim.id)) is not None:
            return version_view(claim.id, version, image)
        rows = await reader.rows(NEWEST_OF_NUMBER, (image_id, f"{rank(number)}/", f"{rank(number)}0"))
        if not rows:
            return version_not_found(number)
        row = rows[0]
    id, body = row
    return version_view(id, VERSION.decode(body), image)


async def list_jobs(query: ListJobs, reader: Reader) -> JobPage | Problem:
    """Jobs of the tenant, newest first."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, str)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    where, values = _where(
        {"j.tenant = ?": query.actor.tenant, "j.state = ?": query.state, "j.task = ?": query.kind, "j.id < ?": cursor}
    )
    rows = await reader.rows(JOBS.format(where=where), (*values, limit + 1))
    page = pages.cut(rows, limit, body=1)
    items = tuple(
        job_view(id, JOB.decode(body), None if version is None else VERSION.decode(version))
        for id, body, version in page.rows
    )
    return JobPage(items=items, next=page.next)


async def get_job(query: GetJob, reader: Reader) -> JobView | Problem:
    """One job of the tenant."""
    job = await reader.get(JOB, query.job)
    if job is None or job.tenant != query.actor.tenant:
        return job_not_found(query.job)
    version = await reader.get(VERSION, job.version)
    return job_view(query.job, job, version)


async def get_timeline(query: GetTimeline, reader: Reader) -> TimelinePage | Problem:
    """What happened in a job, in the order in which the catalog saw it."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, int)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    job = await reader.get(JOB, query.job)
    if job is None or job.tenant != query.actor.tenant:
        return job_not_found(query.job)
    rows = await reader.rows(TIMELINE, (query.job, cursor or 0, limit + 1))
    page = pages.cut(rows, limit, body=5)
    items = tuple(
        TimelineView(
            id=id,
            at=from_epoch(at),
            event=event,
            speaker=speaker,
            body=msgspec.Raw(body.encode()),
        )
        for _, id, at, event, speaker, body in page.rows
    )
    return TimelinePage(items=items, next=page.next)


QUERIES: Mapping[type[Request], Query] = {
    ListImages: list_images,
    GetImage: get_image,
    ListVersions: list_versions,
    GetVersion: get_version,
    ListJobs: list_jobs,
    GetJob: get_job,
    GetTimeline: get_timeline,
}
"""Every query that the catalog answers."""


def _where(terms: Mapping[str, str | None]) -> tuple[str, list[str]]:
    """The condition of a list: those of the terms that have a value, and the values."""
    given = {term: value for term, value in terms.items() if value is not None}
    return " AND ".join(given), list(given.values())


async def _find(query: Request, text: str, reader: Reader) -> tuple[str, Image] | None:
    """The image that ``text`` refers to in the asker's tenant."""
    match parse(text):
        case ById(id):
            pass
        case ByName(gallery, name):
            claim = await reader.get(IMAGE_NAME, name_key(query.actor.tenant, gallery, name))
            if claim is None:
                return None
            id = claim.id
        case None:
            return None
    image = await reader.get(IMAGE, id)
    return None if image is None or image.tenant != query.actor.tenant else (id, image)


async def _latest(image: str, pod: str | None, reader: Reader) -> tuple[Any, ...] | Problem:
    rows = await reader.rows(LATEST if pod is None else USABLE, (image,))
    if not rows:
        return Problem(
            code="no_latest",
            detail="no version of the image is available as latest",
            hint="Publish a version first; only AVAILABLE and PARTIALLY_AVAILABLE versions count, and none that is "
            "excluded from latest.",
        )
    if pod is None:
        return rows[0]
    known = await reader.get(POD, pod)
    if not enrolled(known):
        return Problem(code="pod_not_found", detail=f"no pod named {pod[:40]!r} is enrolled", hint="List the pods.")
    # The id of a copy begins with version and pod (contracts.names.copy_id); "`" is what follows "_".
    rows = await reader.rows(LATEST_ON_POD, (image, f"_{pod}_", f"_{pod}`", f'$."{pod}"'))
    if not rows:
        return Problem(
            code="no_latest_on_pod",
            detail=f"no version of the image is available as latest on {pod}",
            hint="Republish a version to this pod, or leave the pod out.",
            data={"pod": pod},
        )
    return rows[0]
