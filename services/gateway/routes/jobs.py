"""Jobs: sagas as their users see them."""

import time
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from contracts.requests import (
    Accepted,
    CancelJob,
    GetJob,
    GetTimeline,
    JobPage,
    ListJobs,
    RetryJob,
    TimelinePage,
)
from contracts.views import JobView
from gateway.answers import Cursor, Key, Limit, State, reads, writes
from gateway.door import Services, accepted, answer, job_in
from gateway.narrowing import OfImage, Sort, narrowed
from gateway.routes.publishing import REFUSALS as PUBLISH_REFUSALS
from gateway.routes.versions import REFUSALS as IMPORT_REFUSALS
from gateway.shapes import shape

TAGS = ["jobs"]
OWN = frozenset({"state", "kind", "image", "sort", "limit", "cursor"})
Kind = Annotated[str | None, QueryParameter(pattern="^[a-z_]{1,32}$", description="Only of this kind, as import.")]


@get(
    "/v1/jobs",
    operation_id="list_jobs",
    summary="List jobs",
    tags=TAGS,
    responses=reads(shape(JobPage), "A page of jobs, newest first unless `sort` says otherwise.", "image_not_found"),
)
async def list_jobs(
    door: Services,
    request: Request[Any, Any, Any],
    in_state: State = None,
    kind: Kind = None,
    of_image: OfImage = None,
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The jobs of the caller's tenant. Every filter that is given must hold."""
    asked = ListJobs(
        actor=door.actor(request),
        state=in_state,
        kind=kind,
        image=of_image,
        where=narrowed(request, "list_jobs", OWN),
        sort=sort or "-created",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, JobPage))


@get(
    "/v1/jobs/{job:str}",
    operation_id="get_job",
    summary="Show a job",
    tags=TAGS,
    responses=reads(shape(JobView), "The job.", "job_not_found"),
)
async def get_job(door: Services, request: Request[Any, Any, Any], job: FromPath[str]) -> Response[bytes]:
    """A job by its id: how far it is, target by target, with live bytes while it runs."""
    view = await door.ask(GetJob(actor=door.actor(request), job=job_in(job)), JobView)
    return answer(door.progress.merge_job(view, time.monotonic()))


@get(
    "/v1/jobs/{job:str}/events",
    operation_id="list_job_events",
    summary="List the events of a job",
    tags=TAGS,
    responses=reads(shape(TimelinePage), "A page of events, in the order in which they were seen.", "job_not_found"),
)
async def list_job_events(
    door: Services, request: Request[Any, Any, Any], job: FromPath[str], limit: Limit = 500, cursor: Cursor = None
) -> Response[bytes]:
    """What happened in a job, event by event."""
    asked = GetTimeline(actor=door.actor(request), job=job_in(job), limit=limit, cursor=cursor)
    return answer(await door.ask(asked, TimelinePage))


@post(
    "/v1/jobs/{job:str}/cancel",
    operation_id="cancel_job",
    summary="Cancel a job",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(JobView), "The job, which is being given up.", "job_not_found", "not_cancellable",
        "image_not_found", "class_read_only", "forbidden",
    ),
)  # fmt: skip
async def cancel_job(
    door: Services, request: Request[Any, Any, Any], job: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Give up what a job does: a publish keeps what is AVAILABLE, an import leaves nothing, pools that did not follow
    an update yet keep what they have, and a deletion is taken back before its copies went."""
    view = await door.ask(CancelJob(**door.command(request, key), job=job_in(job)), JobView)
    return answer(view, 202, {"location": f"/v1/jobs/{view.id}"})


@post(
    "/v1/jobs/{job:str}/retry",
    operation_id="retry_job",
    summary="Retry a job",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(Accepted), "It was accepted; the new job tells the rest.", "job_not_found", "not_retryable",
        *IMPORT_REFUSALS, *PUBLISH_REFUSALS,
    ),
)  # fmt: skip
async def retry_job(
    door: Services, request: Request[Any, Any, Any], job: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Do again what a failed or cancelled job was to do; another job tells of it."""
    return accepted(await door.ask(RetryJob(**door.command(request, key), job=job_in(job)), Accepted))


HANDLERS = (list_jobs, get_job, list_job_events, cancel_job, retry_job)
