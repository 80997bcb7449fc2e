"""The application: routes, errors and the OpenAPI document, behind the edge."""

from litestar import Litestar, Response, get
from litestar.di import Provide

from gateway import openapi
from gateway.door import Door
from gateway.edge import BODY, Edge
from gateway.problems import HANDLERS as PROBLEMS
from gateway.routes import HANDLERS


def build(door: Door) -> Edge:
    """The ASGI application of a door."""
    document = openapi.document()

    @get("/openapi.json", include_in_schema=False)
    async def describe() -> Response[bytes]:
        return Response(document, media_type="application/json")

    app = Litestar(
        route_handlers=[*HANDLERS, describe],
        dependencies={"door": Provide(lambda: door, sync_to_thread=False)},
        exception_handlers=PROBLEMS,
        openapi_config=None,
        request_max_body_size=BODY,
        logging_config=None,
        signature_types=[Door],
        debug=False,
    )
    return Edge(app, door.settings.hosts, door.settings.receive_timeout)
