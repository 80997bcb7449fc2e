"""The live stream: what happens, as it happens."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response.base import ASGIResponse

from contracts.names import ID, POD
from contracts.requests import GetImage, GetJob, ListVersions, VersionPage
from contracts.views import ImageView, JobView
from gateway.answers import COMMON, MOST, READING, problems
from gateway.door import Door, Services
from gateway.filters import TYPE, Filter, types
from gateway.live import FullError
from gateway.paths import IMAGE
from gateway.problems import refuse
from gateway.sight import Sight
from gateway.sse import EventStream

HIGHEST = 2**53 - 1
"""Of a sequence: what every JSON reader can hold."""

Types = Annotated[
    list[str] | None,
    QueryParameter(
        name="type",
        max_items=32,
        description="Only these types: `copy.*`, `version.available`, `progress`. May be repeated.",
        schema_extra={"items": {"type": "string", "pattern": TYPE, "maxLength": 64}},
    ),
]
Image = Annotated[str | None, QueryParameter(pattern=IMAGE, max_length=161, description="Only of this image.")]
Version = Annotated[str | None, QueryParameter(pattern=ID, max_length=32, description="Only of this version (its id).")]
Pod = Annotated[str | None, QueryParameter(pattern=POD, max_length=32, description="Only of this pod.")]
Job = Annotated[str | None, QueryParameter(pattern=ID, max_length=32, description="Only of this job.")]
After = Annotated[
    int | None, QueryParameter(ge=0, le=HIGHEST, description="Begin after the event of this id, as far as it is kept.")
]
LastEventId = Annotated[
    int | None,
    HeaderParameter(name="Last-Event-ID", ge=0, le=HIGHEST, description="As `after`; browsers send it."),
]


@get(
    "/v1/events",
    operation_id="follow_events",
    summary="Follow events",
    tags=["events"],
    media_type="text/event-stream",
    responses={
        200: ResponseSpec(
            data_container=str,
            media_type="text/event-stream",
            description=(
                "Server-sent events. `event` is the type, `id` the place in the stream, `data` "
                "`{id, type, time, job, body}`. `progress` has no id and is not repeated. `gap` says that events "
                "between two ids are no longer kept: read the state again."
            ),
            generate_examples=False,
        ),
        **problems(*COMMON, *READING, "image_not_found", "job_not_found"),
    },
)
async def follow_events(
    door: Services,
    request: Request[Any, Any, Any],
    kinds: Types = None,
    image: Image = None,
    version: Version = None,
    pod: Pod = None,
    job: Job = None,
    after: After = None,
    last_event_id: LastEventId = None,
) -> ASGIResponse:
    """Events and live progress that the caller may know of, until he leaves or his token ends: those of his tenant, and
    of images, versions and pods that he may read or use. A client that is too slow is dropped and can come back."""
    try:
        wanted = Filter(types=types(kinds or []), version=version or "", pod=pod or "", job=job or "")
    except ValueError as error:
        detail = f"{str(error)!r} is no type of events."
        raise refuse("validation_failed", detail, "Use copy.*, copy.available or progress.", type="invalid") from None
    if image is not None:
        await _of_image(door, request, image, wanted)
    if job is not None:
        found = await door.ask(GetJob(actor=door.actor(request), job=job), JobView)
        wanted.versions.add(found.version)
    try:
        subscriber = door.hub.open(wanted, Sight(door.actor(request), door.see))
    except FullError:
        raise refuse("busy", "Too many clients follow events.", "Try again in a few seconds.") from None
    return EventStream(door.hub, subscriber, last_event_id if last_event_id is not None else after)


async def _of_image(door: Door, request: Request[Any, Any, Any], image: str, wanted: Filter) -> None:
    """Let the filter know the image by its id, and its versions: not every event of a copy names the image."""
    actor = door.actor(request)
    wanted.image = (await door.ask(GetImage(actor=actor, image=image), ImageView)).id
    cursor = None
    while True:
        asked = ListVersions(actor=actor, image=wanted.image, limit=MOST, cursor=cursor)
        page = await door.ask(asked, VersionPage)
        wanted.versions.update(view.id for view in page.items)
        cursor = page.next
        if cursor is None:
            return


HANDLERS = (follow_events,)
