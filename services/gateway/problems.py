"""Refusals at the HTTP door: every error, also the framework's, leaves as ``application/problem+json`` (RFC 9457)."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from contracts.errors import CODES, Problem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "2"
"""Seconds after which a client may come back when a service is away (RFC 9110, 10.2.3)."""

WIRE = {
    "key": "Idempotency-Key",
    "if_match": "If-Match",
    "last_event_id": "Last-Event-ID",
    "in_state": "state",
    "kinds": "type",
    "tagged": "tag",
    "on_pod": "pod",
    "of_image": "image",
    "by": "actor",
    "bypass": "bypass_soft_delete",
}
"""Parameters whose name over HTTP is another than in the code."""

log = structlog.get_logger()


class RefusedError(Exception):
    """A request was refused: by a service, or at the door."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.headers = dict(headers or {})


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details. ``code`` is stable and meant for programs; ``hint`` says what to do next."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    data: dict[str, str | int | bool | None]


def refuse(code: str, detail: str, hint: str = "", **data: str | int | bool | None) -> RefusedError:
    """The exception that ends a request with a problem of this code."""
    return RefusedError(Problem(code=code, detail=detail, hint=hint, data=data))


def malformed() -> RefusedError:
    """The refusal of a body that is no JSON."""
    return refuse("bad_request", "The body is not valid JSON.", "Send one JSON object, in UTF-8.")


def invalid(fields: Mapping[str, str]) -> RefusedError:
    """The refusal of fields or parameters with unusable values: what is wrong with each, by name."""
    data: dict[str, str | int | bool | None] = {
        name[:100]: text.replace(r"(?!\\n)", "")[:300] for name, text in fields.items()
    }
    detail = "; ".join(f"{name}: {text}" for name, text in data.items()) or "The request is not valid."
    hint = "See /openapi.json for the fields and their values."
    return RefusedError(Problem(code="validation_failed", detail=detail[:1000], hint=hint, data=data))


def status(problem: Problem) -> int:
    """The HTTP status of a problem; a code that this version does not know is a failure inside."""
    return CODES.get(problem.code, CODES["internal"])[0]


def details(problem: Problem) -> ProblemDetails:
    """A problem as people see it."""
    number, title = CODES.get(problem.code, CODES["internal"])
    return ProblemDetails(
        type=f"urn:imprint:problem:{problem.code}",
        title=title,
        status=number,
        detail=problem.detail,
        code=problem.code,
        hint=problem.hint,
        data=problem.data,
    )


def body(problem: Problem) -> bytes:
    """The JSON of a problem."""
    return msgspec.json.encode(details(problem))


def headers(problem: Problem, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers that go with a problem, without those of the content."""
    found = dict(more or {})
    match status(problem):
        case HTTPStatus.SERVICE_UNAVAILABLE:
            found.setdefault("retry-after", RETRY_AFTER)
        case HTTPStatus.TOO_MANY_REQUESTS:
            found.setdefault("retry-after", str(problem.data.get("retry_after", RETRY_AFTER)))
        case HTTPStatus.UNAUTHORIZED:
            found.setdefault("www-authenticate", "Bearer")
    return found


def response(problem: Problem, more: Mapping[str, str] | None = None) -> Response[bytes]:
    """A problem as Litestar sends it."""
    return Response(body(problem), status_code=status(problem), media_type=MEDIA_TYPE, headers=headers(problem, more))


async def send(problem: Problem, send: Callable[[Any], Awaitable[None]], *, close: bool = False) -> None:
    """A problem as plain ASGI; ``close`` ends the connection, for bodies that were not read to their end."""
    content = body(problem)
    pairs = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), **headers(problem)}
    if close:
        pairs["connection"] = "close"
    encoded = [(name.encode(), value.encode()) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status(problem), "headers": encoded})
    await send({"type": "http.response.body", "body": content})


def _refused(_: Request[Any, Any, Any], error: RefusedError) -> Response[bytes]:
    return response(error.problem, error.headers)


def _not_found(_: Request[Any, Any, Any], __: NotFoundException) -> Response[bytes]:
    return response(Problem(code="not_found", detail="There is no such route.", hint="See /openapi.json."))


def _method(_: Request[Any, Any, Any], error: MethodNotAllowedException) -> Response[bytes]:
    allow = dict(error.headers or {}).get("allow", "")
    problem = Problem(code="method_not_allowed", detail=f"This route takes {allow}.", data={"allow": allow})
    return response(problem, {"allow": allow})


def _invalid(_: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    found = {}
    for entry in error.extra if isinstance(error.extra, list) else []:
        if isinstance(entry, dict):
            name = str(entry.get("key", ""))
            found[WIRE.get(name, name)] = str(entry.get("message", ""))
    return response(invalid(found).problem)


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    code = "bad_request" if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"
    if code == "internal":
        log.error("request_failed", status=error.status_code, exc_info=error)
    return response(Problem(code=code, detail="The request could not be handled."))


def _internal(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request_failed", exc_info=error)
    detail = "The gateway met an error; its log has the details."
    return response(Problem(code="internal", detail=detail, hint="Repeat with the same Idempotency-Key."))


HANDLERS: dict[int | type[Exception], Any] = {
    RefusedError: _refused,
    NotFoundException: _not_found,
    MethodNotAllowedException: _method,
    ValidationException: _invalid,
    HTTPException: _http,
    Exception: _internal,
}
"""What Litestar does with each kind of exception."""
