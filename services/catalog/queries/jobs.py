"""Lists of jobs, one job with its rows, and its timeline."""

from collections.abc import Mapping, Sequence

import msgspec

from catalog import pages
from catalog.documents import ASSIGNMENT, COPY, JOB, POOL, VERSION, pool_key
from catalog.domain import job as jobs
from catalog.domain.job import Job
from catalog.domain.version import Pending, Version, counted_of
from catalog.filters import Condition, Field, Order, met
from catalog.pages import Value
from catalog.queries import listing
from catalog.queries.listing import Along, compared, moment, told
from catalog.queries.named import find
from catalog.references import image_not_found, is_id, job_not_found
from catalog.views import job_view
from catalog.views.job import copy_row, import_row, pool_row
from contracts.errors import Failure, Problem
from contracts.names import copy_id, parse_copy
from contracts.requests import GetJob, GetTimeline, JobPage, ListJobs, TimelinePage
from contracts.views import JobRow, JobView, TimelineView
from runtime.store import Reader, from_epoch

FIELDS = {
    "state": Field(sql=told("state")),
    "kind": Field(sql=told("kind")),
    "image": Field(sql=told("image")),
    "created": Field("time", moment("created")),
    "updated": Field("time", moment("updated")),
    "version": Field(sql=told("version"), sorts=False),
    "number": Field(sql=told("number"), sorts=False),
    "gallery": Field(sql=told("gallery"), sorts=False),
    "name": Field(sql=told("name"), sorts=False),
    "actor": Field(sql=told("actor"), sorts=False),
    "assignment": Field(sql=told("assignment"), sorts=False),
    "failure": Field(sql=told("failure.code"), sorts=False),
    "retried": Field(sql=told("retried"), sorts=False),
}
"""What jobs can be filtered by, and those of it that they can be sorted by. ``failure`` is its code."""
KEYS = {
    "created": ("created", "id"),
    "updated": ("updated", "id"),
    "state": ("state", "created", "id"),
    "kind": ("task", "created", "id"),
    "image": ("image", "created", "id"),
}
COLUMNS = {"state": "state", "kind": "task", "image": "image", "created": "created", "updated": "updated"}

VERSIONS = """
    SELECT v.id, v.body FROM json_each(?) AS page
    CROSS JOIN documents AS v ON v.kind = 'version' AND v.id = page.value"""
COPIES = "SELECT id, state, publication FROM copies WHERE id > ? AND id < ? ORDER BY id"
FAILURES = """
    SELECT json_extract(body, '$.copy'), json_extract(body, '$.failure') FROM timeline
    WHERE saga = ? AND event IN ('copy.failed.v1', 'copy.lost.v1', 'copy.delayed.v1') ORDER BY seq"""
POSITIONS = """
    SELECT id, place FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM waiting_versions WHERE pod = ? AND id <= ?
    ) AS s WHERE id IN (SELECT page.value FROM json_each(?) AS page)"""
TIMELINE = """
    SELECT seq, id, at, event, speaker, body FROM timeline
    WHERE saga = ? AND seq > ?
    AND ifnull(coalesce(json_extract(body, '$.member'), json_extract(body, '$.tenant')) = ?, true)
    ORDER BY seq LIMIT ?"""
"""What a saga brought about at other tenants is theirs to know."""

_failure = msgspec.json.Decoder(Failure)


async def list_jobs(query: ListJobs, reader: Reader) -> JobPage | Problem:
    """Jobs of the tenant, by default the newest first."""
    asked = listing.asked(query, FIELDS)
    if isinstance(asked, Problem):
        return asked
    way = asked.order
    keys = KEYS[way.field]
    given = {"image": query.image, "state": query.state, "kind": query.kind}
    if query.image is not None and not is_id(query.image):
        found = await find(query.actor, query.image, reader)
        if found is None:
            return image_not_found(query.image)
        given["image"] = found[0]
    terms = [Condition(field, "=", value) for field, value in given.items() if value is not None] + asked.terms
    led, others = _parted(terms, way, asked.after)
    along = Along("jobs", keys, way.down, [("tenant = ?", query.actor.tenant), *led])
    page = await listing.listed(along, asked, others, reader)
    if isinstance(page, Problem):
        return page
    listed = [(id, JOB.decode(body)) for id, body in page.documents]
    versions = await _versions({job.version for _, job in listed if jobs.running(job) or not jobs.final(job)}, reader)
    places = await positions(versions, reader)
    views = [
        job_view(id, job, versions.get(job.version), position=places.get(job.version) if _waits(job) else None)
        for id, job in listed
    ]
    items, next = page.fit(views)
    return JobPage(items=items, next=next)


async def get_job(query: GetJob, reader: Reader) -> JobView | Problem:
    """One job of the tenant, with a row for each target."""
    id = query.job
    job = await reader.get(JOB, id)
    if job is None or job.tenant != query.actor.tenant:
        return job_not_found(id)
    version = await reader.get(VERSION, job.version)
    places = {} if version is None or not _waits(job) else await positions({job.version: version}, reader)
    return job_view(id, job, version, rows=await _rows(id, job, version, reader), position=places.get(job.version))


async def positions(versions: Mapping[str, Version], reader: Reader) -> dict[str, int]:
    """Where those of these versions stand that wait to be imported, by version: 1 is the next of its pod (features.md
    B15). Pods take what was asked of them in the order of the versions' ids, whoever asked."""
    waiting: dict[str, list[str]] = {}
    for id, version in versions.items():
        if isinstance(version, Pending):
            waiting.setdefault(version.source.pod, []).append(id)
    found: dict[str, int] = {}
    for pod, ids in waiting.items():
        rows = await reader.rows(POSITIONS, (pod, max(ids), msgspec.json.encode(ids).decode()))
        found.update({str(id): place for id, place in rows})
    return found


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
    rows = await reader.rows(TIMELINE, (query.job, cursor or 0, job.tenant, limit + 1))
    page = pages.cut(rows, limit, body=5)
    items = tuple(
        TimelineView(id=id, at=from_epoch(at), event=event, speaker=speaker, body=msgspec.Raw(body.encode()))
        for _, id, at, event, speaker, body in page.rows
    )
    items, next = pages.fit(items, [row[0] for row in page.rows], page.next)
    return TimelinePage(items=items, next=next)


def _parted(
    terms: Sequence[Condition], sort: Order, after: tuple[Value, ...] | None
) -> tuple[list[tuple[str, Value]], list[tuple[str, Sequence[Value]]]]:
    """The conditions that an index begins with, or that bound the walk along it, and the others."""
    if after:  # it takes the place of a bound that it is inside of
        begins = ("<", "<=") if sort.down else (">", ">=")
        own, value = sort.field, after[0]
        terms = [one for one in terms if one.field != own or one.operator not in begins or not met(one, value)]
    bounds = [term for term in terms if term.field == sort.field]
    first = next((term for term in terms if term.field in ("image", "state", "kind")), None)
    led = [*bounds, first] if first is not None and first not in bounds and sort.field == "created" else bounds
    others = [compared(term, FIELDS) for term in terms if term not in led]
    return [(f"{COLUMNS[term.field]} {term.operator} ?", term.value) for term in led], others


def _waits(job: Job) -> bool:
    """Whether it is an import that no pod told to have begun."""
    return job.kind == "import" and isinstance(job, jobs.Pending)


async def _versions(ids: set[str], reader: Reader) -> dict[str, Version]:
    rows = await reader.rows(VERSIONS, (msgspec.json.encode(sorted(ids)).decode(),))
    return {id: VERSION.decode(body) for id, body in rows}


async def _rows(id: str, job: Job, version: Version | None, reader: Reader) -> tuple[JobRow, ...]:
    """The targets of a job, as far as they are still its own: a later job about the version takes them over."""
    if job.kind == "assign":
        return await _pools(job, reader)
    if version is None:
        return ()
    if job.kind == "import":
        return (import_row(job, version),)
    if job.kind == "deliver":
        return await _delivered(job, version, reader)
    publication = counted_of(version)
    if version.job != id or publication is None:
        return ()
    told = {copy: _failure.decode(body) for copy, body in await reader.rows(FAILURES, (id,)) if body}
    rows = []
    for copy, state, own in await reader.rows(COPIES, (f"{job.version}_", f"{job.version}`")):
        parsed = parse_copy(copy)
        if parsed is not None and (own == publication.number or job.kind != "publish"):
            rows.append(copy_row(*parsed[1:], state, version, told.get(copy)))
    return tuple(rows)


async def _delivered(job: Job, version: Version, reader: Reader) -> tuple[JobRow, ...]:
    rows = []
    for pod in job.pods:
        copy, refused = await reader.get(COPY, copy_id(job.version, pod, 0)), job.refused.get(pod)
        state = "SKIPPED" if refused is not None else "PENDING" if copy is None else copy.state
        rows.append(copy_row(pod, 0, state, version, refused))
    return tuple(rows)


async def _pools(job: Job, reader: Reader) -> tuple[JobRow, ...]:
    assignment = await reader.get(ASSIGNMENT, job.assignment)
    if assignment is None:
        return ()
    rows = []
    for pod in sorted(assignment.pods):
        pool = await reader.get(POOL, pool_key(job.assignment, pod))
        if pool is not None:
            rows.append(pool_row(job, pod, pool))
    return tuple(rows)
