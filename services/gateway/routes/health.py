"""Whether the door and the services behind it work: for probes, not for people."""

import asyncio
from datetime import UTC, datetime

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from contracts.errors import Problem
from contracts.requests import HealthView
from gateway.answers import problems
from gateway.door import Door, Services
from gateway.figures import health
from gateway.identity import SELF
from gateway.shapes import Alive, Readiness, convert


@get(
    "/health/live",
    operation_id="live",
    summary="Is the door alive",
    tags=["health"],
    responses={
        200: ResponseSpec(data_container=Alive, description="It is.", generate_examples=False),
        **problems("bad_request", "host_not_allowed", "internal", "busy"),
    },
)
async def live() -> Response[bytes]:
    """Answers as long as the process runs."""
    return Response(msgspec.json.encode(Alive()), media_type="application/json")


@get(
    "/health/ready",
    operation_id="ready",
    summary="Is the hub ready",
    tags=["health"],
    responses={
        200: ResponseSpec(data_container=Readiness, description="Everything works.", generate_examples=False),
        503: ResponseSpec(data_container=Readiness, description="Something does not.", generate_examples=False),
        **problems("bad_request", "host_not_allowed", "internal"),
    },
)
async def ready(door: Services) -> Response[bytes]:
    """Asks each hub service whether its consumers and its relay move."""
    services = await asyncio.gather(*(_ask(door, name) for name in door.settings.services))
    good = door.hub.live and all(service.ready for service in services)
    body = Readiness(ready=good, events=door.hub.live, services=tuple(convert(service) for service in services))
    return Response(msgspec.json.encode(body), status_code=200 if good else 503, media_type="application/json")


async def _ask(door: Door, service: str) -> HealthView:
    reply = await health(door.requests, service, SELF)
    if isinstance(reply, Problem):
        return HealthView(service=service, ready=False, reasons=(reply.detail,), at=datetime.now(UTC))
    return reply


HANDLERS = (live, ready)
