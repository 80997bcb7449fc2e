"""The figures of the house, for scrapers."""

from typing import Any

from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec

from contracts.requests import GetMetrics
from contracts.rights import objection
from gateway.answers import COMMON, problems
from gateway.door import Services
from gateway.exposition import MEDIA_TYPE
from gateway.problems import RefusedError


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
        **problems(*COMMON, "forbidden"),
    },
)
async def metrics(door: Services, request: Request[Any, Any, Any]) -> Response[str]:
    """What is measured, at most some seconds old. A service that does not answer is `imprint_up` 0."""
    actor = door.actor(request)
    # Figures are kept, so that not everyone who reads them asks the service that would refuse him.
    problem = objection(GetMetrics(actor=actor))
    if problem is not None:
        raise RefusedError(problem)
    return Response(await door.figures.text(actor), media_type=MEDIA_TYPE)


HANDLERS = (metrics,)
