"""The application: routes, errors and the OpenAPI document, behind the edge."""

import asyncio

from litestar import Response, get
from litestar.di import Provide

from gateway import openapi
from gateway.door import Door
from gateway.edge import BODY, Edge
from gateway.lean import Application
from gateway.narrowing import known_only
from gateway.problems import HANDLERS as PROBLEMS
from gateway.routes import HANDLERS


def build(door: Door) -> Edge:
    """The ASGI application of a door."""
    described: list[bytes] = []
    describing = asyncio.Lock()

    @get("/openapi.json", include_in_schema=False)
    async def describe() -> Response[bytes]:
        # Made when it is first asked for, in a thread: it takes a good part of the start-up otherwise. And made once,
        # however many ask for it at first: anybody may.
        async with describing:
            if not described:
                described.append(await asyncio.to_thread(openapi.document))
        return Response(described[0], media_type="application/json")

    app = Application(
        route_handlers=[*HANDLERS, describe],
        dependencies={"door": Provide(lambda: door, sync_to_thread=False)},
        exception_handlers=PROBLEMS,
        guards=[known_only],
        openapi_config=None,
        request_max_body_size=BODY,
        logging_config=None,
        debug=False,
    )
    settings = door.settings
    return Edge(app, settings.hosts, door.identities, settings.receive_timeout, forwarded=settings.forwarded_for)
