"""What every request passes before it is routed: host, origin, path, who asks, and a body of bounded size and time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog

from contracts.errors import Problem
from gateway import problems
from gateway.identity import Identities, token_in
from gateway.paths import routed, takes_patch

BODY = 256 * 1024
"""Bytes of the largest body but for those of uploads, which are not read here; nothing else comes near it."""
DRAIN = 2 * 1024 * 1024
"""Bytes of a too large body that are read and dropped, so that the client is still there to hear the refusal."""
PATH = 4096
"""Bytes of the longest path and query together."""
HEADERS = 16 * 1024
"""Bytes of all headers; the HTTP parser limits only what comes in pieces."""
OPEN = frozenset({"/health/live", "/health/ready", "/openapi.json"})
"""Paths that anybody may ask for; everything else, also what there is not, is for bearers of tokens."""
ACTOR = "imprint.actor"
"""Key in the ASGI scope: who asks."""
AGAIN = "imprint.again"
"""Key in the ASGI scope: a function that looks again who asks, or why he may not any more."""
UPLOADS = "/v1/uploads/"
"""Below this path PATCH and PUT carry files."""
JSON, PATCH = "application/json", "application/merge-patch+json"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS = [(b"x-content-type-options", b"nosniff")]
PRIVATE = (b"cache-control", b"no-store")

INTERNAL = Problem(code="internal", detail="The gateway met an error; its log has the details.")

App = Callable[[Any, Any, Any], Awaitable[None]]

log = structlog.get_logger()


class Edge:
    """An ASGI application around the router; ``hosts`` are the names by which it may be called, in lower case.

    ``forwarded``: a proxy in front says in X-Forwarded-For where requests come from.
    """

    def __init__(
        self, app: App, hosts: frozenset[str], identities: Identities, body_timeout: float, *, forwarded: bool = False
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._identities = identities
        self._body_timeout = body_timeout
        self._forwarded = forwarded

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Check, route, and say in one line what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name.lower() for name, _ in message["headers"]}
                extra = ALWAYS if PRIVATE[0] in names else [*ALWAYS, PRIVATE]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            await self._handle(scope, receive, sending)
        except Exception:
            log.exception("request_failed")
            if status:  # half an answer is out: all that can be done is to break it off
                raise
            await problems.send(INTERNAL, sending, close=True)
        finally:
            say = log.info if scope["method"] not in READS or status >= 500 else log.debug
            taken = round((time.perf_counter() - begun) * 1000, 1)
            say("request", method=scope["method"], path=scope["raw_path"].decode("ascii"), status=status, ms=taken)

    async def _handle(self, scope: Any, receive: Any, send: Any) -> None:
        problem = self._head(scope)
        if problem is not None:
            await problems.send(problem, send, close=True)
            return
        scope["path"] = routed(scope["raw_path"].decode("ascii"))
        if scope["path"] not in OPEN:
            # Before a byte of the body is read: what strangers send is no work of ours.
            look = partial(self._identities.of, token_in(scope["headers"]), self._from(scope))
            actor = await look()
            if isinstance(actor, Problem):
                await problems.send(actor, send, close=True)
                return
            scope[ACTOR], scope[AGAIN] = actor, look
        if scope["method"] not in READS and not _streams(scope):
            read = await self._body(scope, receive)
            if isinstance(read, Problem):
                await problems.send(read, send, close=True)
                return
            receive = _replay(read, receive)
        await self._app(scope, receive, send)

    def _head(self, scope: Any) -> Problem | None:
        """Why the head of the request is refused, if it is."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if len(scope["raw_path"]) + len(scope["query_string"]) > PATH:
            return Problem(code="bad_request", detail=f"The path is longer than {PATH} bytes.")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS:
            return Problem(code="bad_request", detail=f"The headers are longer than {HEADERS} bytes.")
        host = headers.get(b"host", "").lower()
        if _name(host) not in self._hosts:
            # A page from elsewhere whose name resolves to this machine (DNS rebinding) comes with its own name.
            detail = "This door does not answer to that Host."
            return Problem(code="host_not_allowed", detail=detail, hint="Add the name to IMPRINT_ALLOWED_HOSTS.")
        if scope["method"] in READS:
            return None
        origin = headers.get(b"origin")
        elsewhere = origin is not None and urlsplit(origin).netloc.lower() != host
        if elsewhere or headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Problem(code="cross_origin", detail="A page from another origin may not write here.")
        return None

    def _from(self, scope: Any) -> str:
        """The address that a request came from."""
        if self._forwarded:
            said = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
            if said:
                return str(said[-1].decode("latin-1").rpartition(",")[2].strip())
        client = scope.get("client")
        return client[0] if client else ""

    async def _body(self, scope: Any, receive: Any) -> bytes | Problem:
        """The whole body, counted as it comes; what a client says of its length is only a reason to refuse early."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        large = Problem(code="body_too_large", detail=f"A body may have {BODY} bytes.", data={"limit": BODY})
        if not length.isdigit() or int(length) > DRAIN:
            return large
        found = bytearray()
        size = 0
        try:
            async with asyncio.timeout(self._body_timeout):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return Problem(code="bad_request", detail="The body ended early.")
                    part = message.get("body", b"")
                    size += len(part)
                    if size <= BODY:
                        found += part
                    if size > DRAIN or not message.get("more_body", False):
                        break
        except TimeoutError:
            return Problem(code="request_timeout", detail="The body of the request took too long.")
        if size > BODY:
            return large
        media, _, rest = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
        taken = (JSON, PATCH) if takes_patch(scope["method"], scope["path"]) else (JSON,)
        if found and (media.strip() not in taken or rest.strip() not in ("", "charset=utf-8", 'charset="utf-8"')):
            hint = f"Send Content-Type: {' or '.join(taken)}."
            return Problem(code="unsupported_media_type", detail="The body is not declared as JSON.", hint=hint)
        return bytes(found)


def _streams(scope: Any) -> bool:
    """Whether the body is a file on its way to a pod: its route takes it as it comes."""
    return scope["method"] in ("PATCH", "PUT") and scope["path"].startswith(UPLOADS)


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _replay(body: bytes, receive: Any) -> Any:
    """A receive that gives the body once and then goes on listening."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
