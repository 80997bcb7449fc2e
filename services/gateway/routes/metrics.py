"""The figures of the house, for scrapers."""

from typing import Any

from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec

from gateway.answers import problems
from gateway.door import Services
from gateway.exposition import MEDIA_TYPE


@get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for scrapers",
    tags=["health"],
    media_type="text/plain",
    responses={
        200: ResponseSpec(
            data_container=str,
            media_type="text/plain",
            description="Prometheus' text format 0.0.4: copies and pods by state, bytes by source, the lag between "
            "desired and observed, the time to converge, which services answer, and this process.",
            generate_examples=False,
        ),
        **problems("bad_request", "host_not_allowed", "internal", "busy"),
    },
)
async def metrics(door: Services, request: Request[Any, Any, Any]) -> Response[str]:
    """What is measured, at most some seconds old. A service that does not answer is `imprint_up` 0."""
    return Response(await door.figures.text(door.actor(request)), media_type=MEDIA_TYPE)


HANDLERS = (metrics,)
