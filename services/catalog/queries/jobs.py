"""Lists of jobs, one job with its rows, and its timeline."""

from collections.abc import Sequence

import msgspec

from catalog import pages
from catalog.documents import ASSIGNMENT, JOB, POOL, VERSION, pool_key
from catalog.domain import job as jobs
from catalog.domain.job import Job
from catalog.domain.version import Version, counted_of
from catalog.filters import Condition, Field, Order, conditions, met, order
from catalog.pages import Value
from catalog.queries.listing import Along, compared, moment, told, walk
from catalog.queries.named import find
from catalog.references import image_not_found, is_id, job_not_found
from catalog.views import job_view
from catalog.views.job import copy_row, import_row, pool_row
from contracts.errors import Failure, Problem
from contracts.names import parse_copy
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
TIMELINE = """
    SELECT seq, id, at, event, speaker, body FROM timeline WHERE saga = ? AND seq > ? ORDER BY seq LIMIT ?"""

_failure = msgspec.json.Decoder(Failure)


async def list_jobs(query: ListJobs, reader: Reader) -> JobPage | Problem:
    """Jobs of the tenant, by default the newest first."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, tuple[Value, ...])
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    sort, terms = order(query.sort, FIELDS), conditions(query.where, FIELDS)
    if isinstance(sort, Problem):
        return sort
    if isinstance(terms, Problem):
        return terms
    keys = KEYS[sort.field]
    if cursor is not None and len(cursor) != len(keys):
        return pages.foreign()
    given = {"image": query.image, "state": query.state, "kind": query.kind}
    if query.image is not None and not is_id(query.image):
        found = await find(query.actor.tenant, query.image, reader)
        if found is None:
            return image_not_found(query.image)
        given["image"] = found[0]
    terms = [Condition(field, "=", value) for field, value in given.items() if value is not None] + terms
    led, others = _parted(terms, sort, cursor)
    along = Along("jobs", keys, sort.down, [("tenant = ?", query.actor.tenant), *led])
    rows, end = await walk(along, cursor, others, limit + 1, reader)
    page = pages.cut(rows, limit, body=2)
    listed = [(id, JOB.decode(body)) for _, id, body in page.rows]
    versions = await _versions({job.version for _, job in listed if jobs.running(job) or not jobs.final(job)}, reader)
    items = tuple(job_view(id, job, versions.get(job.version)) for id, job in listed)
    return JobPage(items=items, next=page.next or (None if end is None else pages.cursor_at(end)))


async def get_job(query: GetJob, reader: Reader) -> JobView | Problem:
    """One job of the tenant, with a row for each target."""
    id = query.job
    job = await reader.get(JOB, id)
    if job is None or job.tenant != query.actor.tenant:
        return job_not_found(id)
    version = await reader.get(VERSION, job.version)
    return job_view(id, job, version, rows=await _rows(id, job, version, reader))


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
        TimelineView(id=id, at=from_epoch(at), event=event, speaker=speaker, body=msgspec.Raw(body.encode()))
        for _, id, at, event, speaker, body in page.rows
    )
    items, next = pages.fit(items, [row[0] for row in page.rows], page.next)
    return TimelinePage(items=items, next=next)


def _parted(
    terms: Sequence[Condition], sort: Order, after: tuple[Value, ...] | None
) -> tuple[list[tuple[str, Value]], list[tuple[str, Sequence[Value]]]]:
    """The conditions that an index begins with, or that bound the walk along it, and the others."""
    if after is not None:  # it takes the place of a bound that it is inside of
        begins = ("<", "<=") if sort.down else (">", ">=")
        own, value = sort.field, after[0]
        terms = [one for one in terms if one.field != own or one.operator not in begins or not met(one, value)]
    bounds = [term for term in terms if term.field == sort.field]
    first = next((term for term in terms if term.field in ("image", "state", "kind")), None)
    led = [*bounds, first] if first is not None and first not in bounds and sort.field == "created" else bounds
    others = [compared(term, FIELDS) for term in terms if term not in led]
    return [(f"{COLUMNS[term.field]} {term.operator} ?", term.value) for term in led], others


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


async def _pools(job: Job, reader: Reader) -> tuple[JobRow, ...]:
    assignment = await reader.get(ASSIGNMENT, job.assignment)
    if assignment is None:
        return ()
    rows = []
    for pod in sorted(assignment.pods):
        pool = await reader.get(POOL, pool_key(job.assignment, pod))
        if pool is not None:
            rows.append(pool_row(pod, pool))
    return tuple(rows)
