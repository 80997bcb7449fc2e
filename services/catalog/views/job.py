"""A job as people see it, with how far it is and a row for each of its targets."""

from collections.abc import Sequence

from catalog.domain import job as jobs
from catalog.domain.job import Job
from catalog.domain.pool import Pool
from catalog.domain.version import Version, manifest_of
from catalog.views.version import counts_of
from contracts.errors import Failure
from contracts.views import CopyCounts, JobRow, JobView

GONE = ("ABSENT", "DROPPED")
"""States of a copy of which nothing is left."""


def job_view(
    id: str, job: Job, version: Version | None, *, rows: Sequence[JobRow] = (), position: int | None = None
) -> JobView:
    """A job; while ``version`` is still about this job's publish, its counts are those of the version right now.
    ``position`` is where it stands among the imports that wait for their pod.

    How far it is comes from what is over: what moves at the moment is told by the pods live, and added by whoever shows
    it.
    """
    live = version is not None and version.job == id and job.kind == "publish" and not jobs.final(job)
    copies = counts_of(version) if live and version is not None else job.copies
    done, total = _bytes(job, version, copies, rows)
    return JobView(
        id=id,
        kind=job.kind,
        state=str(job.__struct_config__.tag),
        image=job.image,
        gallery=job.gallery,
        name=job.name,
        version=job.version,
        number=job.number,
        actor=job.actor,
        copies=copies,
        failure=job.failure,
        created=job.created,
        updated=job.updated,
        estimate=job.estimate,
        warning=job.warning,
        percent=_percent(job, copies, rows, done, total),
        bytes=done,
        total=total,
        rows=tuple(rows),
        assignment=job.assignment,
        position=position,
        heard=job.heard,
        retried=job.retried,
    )


def import_row(job: Job, version: Version) -> JobRow:
    """The source pod of an import."""
    done, total = _read(job, version)
    return JobRow(
        pod=version.source.pod,
        state=str(job.__struct_config__.tag),
        bytes=done,
        total=total,
        failure=job.failure,
    )


def copy_row(pod: str, replica: int, state: str, version: Version, failure: Failure | None) -> JobRow:
    """A copy; ``failure`` is the last that was told of it, shown while it is not AVAILABLE."""
    manifest = manifest_of(version)
    size = 0 if manifest is None or state == "SKIPPED" else manifest.size
    there = state == "AVAILABLE"
    return JobRow(
        pod=pod,
        replica=replica,
        state=state,
        bytes=size if there else 0,
        total=size,
        failure=None if there or state in GONE else failure,
    )


def pool_row(job: Job, pod: str, pool: Pool) -> JobRow:
    """A desktop pool on a pod. Of a job that did not wait for it any longer its failure is that it is late, unless it
    has one of its own."""
    state = "DELETING" if pool.leaving else pool.state
    late = pool.open and job.failure is not None and job.failure.code == "deadline_exceeded"
    failure = pool.failure or (job.failure if late and not jobs.running(job) else None)
    return JobRow(pod=pod, state=state, failure=failure, reason=pool.waits)


def _bytes(job: Job, version: Version | None, copies: CopyCounts, rows: Sequence[JobRow]) -> tuple[int, int]:
    """Bytes that are done, and all that there are."""
    if job.kind == "import":
        return _read(job, version)
    if job.kind != "publish":
        return 0, 0
    if rows:
        return sum(row.bytes for row in rows), sum(row.total for row in rows)
    manifest = None if version is None else manifest_of(version)
    size = 0 if manifest is None else manifest.size
    return copies.available * size, max(copies.wanted - copies.skipped, 0) * size


def _read(job: Job, version: Version | None) -> tuple[int, int]:
    manifest = None if version is None else manifest_of(version)
    total = job.total if manifest is None else manifest.size
    return total if isinstance(job, jobs.Success) else 0, total


def _percent(job: Job, copies: CopyCounts, rows: Sequence[JobRow], done: int, total: int) -> float:
    if isinstance(job, jobs.Success):
        return 100.0
    match job.kind:
        case "publish":
            wanted = copies.wanted - copies.skipped
            return _share(copies.available, wanted)
        case "import":
            return _share(done, total)
        case "deliver":
            return _share(sum(row.state == "AVAILABLE" for row in rows), len(rows))
        case "assign":
            return _share(sum(row.state == "IN_SYNC" for row in rows), len(rows))
        case "unpublish" | "delete":
            return _share(sum(row.state in GONE for row in rows), len(rows))


def _share(part: int, whole: int) -> float:
    return round(100.0 * part / whole, 1) if whole > 0 else 0.0
