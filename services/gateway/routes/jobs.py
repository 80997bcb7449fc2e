"""Jobs: sagas as their users see them."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from contracts.requests import CancelJob, GetJob, GetTimeline, JobPage, ListJobs, TimelinePage
from contracts.views import JobView
from gateway.answers import Cursor, Key, Limit, State, reads, writes
from gateway.door import Services, answer, job_in
from gateway.shapes import shape

TAGS = ["jobs"]
Kind = Annotated[str | None, QueryParameter(pattern="^[a-z_]{1,32}$", description="Only of this kind, as import.")]


@get(
    "/v1/jobs",
    operation_id="list_jobs",
    summary="List jobs",
    tags=TAGS,
    responses=reads(shape(JobPage), "A page of jobs, newest first."),
)
async def list_jobs(
    door: Services,
    request: Request[Any, Any, Any],
    in_state: State = None,
    kind: Kind = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The jobs of the caller's tenant."""
    asked = ListJobs(actor=door.actor(request), state=in_state, kind=kind, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, JobPage))


@get(
    "/v1/jobs/{job:str}",
    operation_id="get_job",
    summary="Show a job",
    tags=TAGS,
    responses=reads(shape(JobView), "The job.", "job_not_found"),
)
async def get_job(door: Services, request: Request[Any, Any, Any], job: FromPath[str]) -> Response[bytes]:
    """A job by its id."""
    return answer(await door.ask(GetJob(actor=door.actor(request), job=job_in(job)), JobView))


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
    responses=writes(202, shape(JobView), "The job, which is being given up.", "job_not_found", "not_cancellable"),
)
async def cancel_job(
    door: Services, request: Request[Any, Any, Any], job: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Give up what a job does: a publish keeps what is AVAILABLE, an import leaves nothing."""
    view = await door.ask(CancelJob(**door.command(request, key), job=job_in(job)), JobView)
    return answer(view, 202, {"location": f"/v1/jobs/{view.id}"})


HANDLERS = (list_jobs, get_job, list_job_events, cancel_job)
