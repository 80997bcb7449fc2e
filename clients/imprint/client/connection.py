"""The HTTP side of the client: requests that may be repeated, pages read to their end, answers in their form."""

import asyncio
import ssl
from collections.abc import Generator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar
from uuid import uuid4

import httpx
import msgspec

from imprint.exits import AWAY, HttpProblem, ImprintError, UnreachableError

T = TypeVar("T")
P = TypeVar("P", bound=msgspec.Struct)
Given: TypeAlias = str | list[str] | None
"""A parameter of a query; several values are that parameter several times."""

TRIES = 3
"""How often a request is sent when the connection fails; a write keeps its Idempotency-Key, so it acts once."""
SILENCE = 60.0
"""Seconds without a byte (the server sends comments meanwhile) after which an event stream counts as broken."""


class Bearer(httpx.Auth):
    """Shows a token to one server, and to nobody else, wherever an answer or a Location points."""

    def __init__(self, token: str, server: str) -> None:
        self._value = f"Bearer {token}"
        self._server = _origin(httpx.URL(server))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token."""
        if _origin(request.url) == self._server:
            request.headers["Authorization"] = self._value
        yield request


class Connection:
    """A connection to one server; an async context manager.

    ``token`` says who asks. ``verify`` is whose certificate the server may show (`imprint.trust`); None: one that
    the public authorities vouch for.

    Raises:
        UnreachableError: the token would go over the network in the clear.
    """

    def __init__(
        self,
        server: str,
        *,
        token: str = "",
        verify: ssl.SSLContext | None = None,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.server = server
        if token and not _safe(server):
            raise UnreachableError(
                f"{server} would get the token over the network in the clear.", "Use its https address."
            )
        self._http = httpx.AsyncClient(
            base_url=server,
            timeout=timeout,
            transport=transport,
            auth=Bearer(token, server) if token else None,
            verify=True if verify is None else verify,
            trust_env=not _here(server),  # what goes to this machine passes no proxy of the environment
            headers={"Accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    # --- files --------------------------------------------------------------------------------------------------------

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request that may be repeated without harm, and its answer."""
        return await self._send(method, path, **options)

    async def send_once(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request that is sent once. Raises httpx.TransportError when the connection fails."""
        response = await self._http.request(method, path, **options)
        if response.is_success:
            return response
        raise ImprintError(problem_of(response))

    def stream(self, method: str, path: str, **options: Any) -> AbstractAsyncContextManager[httpx.Response]:
        """A request whose answer is read as it comes. Raises httpx.TransportError when the connection fails."""
        return self._http.stream(method, path, timeout=httpx.Timeout(30.0, read=SILENCE), **options)

    def unreachable(self, error: httpx.TransportError) -> UnreachableError:
        """What a failed connection means to whoever asked."""
        return self._unreachable(error)

    async def unready(self) -> str:
        """Why the gateway and the services behind it are not ready, in one line; empty when they are."""
        try:
            response = await self._http.get("/health/ready")
        except httpx.TransportError as error:
            return f"the gateway does not answer ({type(error).__name__})"
        if response.is_success:
            return ""
        try:
            services = msgspec.json.decode(response.content, type=_Readiness).services
        except msgspec.DecodeError:
            return f"the gateway answers {response.status_code}"
        reasons = [f"{service.service}: {', '.join(service.reasons)}" for service in services if not service.ready]
        return "; ".join(reasons) or "the gateway hears no events"

    # --- for the parts of the client ----------------------------------------------------------------------------------

    async def _get(self, path: str, kind: type[T], /, **query: Given) -> T:
        return _decode(await self._send("GET", path, params=given(query)), kind)

    async def _all(self, path: str, kind: type[P], /, **query: Given) -> list[Any]:
        """All items of a paged list."""
        page: Any = await self._whole(path, kind, query)
        return list(page.items)

    async def _whole(
        self, path: str, kind: type[P], query: Mapping[str, Given] = {}, method: str = "GET", body: Any = None
    ) -> P:
        """A paged list as one page."""
        items: list[Any] = []
        cursor: str | None = None
        sent = {} if body is None else {"json": body}
        while True:
            response = await self._send(method, path, params=given({**query, "cursor": cursor}), **sent)
            page: Any = _decode(response, kind)
            items.extend(page.items)
            cursor = page.next
            if cursor is None:
                return msgspec.structs.replace(page, items=tuple(items))  # type: ignore[no-any-return]

    async def _post(self, path: str, body: Mapping[str, Any] | None, kind: type[T]) -> T:
        return await self._write("POST", path, body, kind)

    async def _write(
        self, method: str, path: str, body: Any, kind: type[T], *, revision: int | None = None, **query: Given
    ) -> T:
        """A command and its answer; with ``revision`` it takes effect only if that is the one in force."""
        return _decode(await self._command(method, path, body, revision=revision, **query), kind)

    async def _command(
        self, method: str, path: str, body: Any = None, *, revision: int | None = None, **query: Given
    ) -> httpx.Response:
        headers = {"Idempotency-Key": uuid4().hex}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        sent = {} if body is None else {"json": body}
        return await self._send(method, path, params=given(query), headers=headers, **sent)

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        for attempt in range(1, TRIES + 1):
            try:
                response = await self._http.request(method, path, **options)
            except httpx.TransportError as error:
                if attempt == TRIES:
                    raise self._unreachable(error) from None
                await asyncio.sleep(0.2 * attempt)
                continue
            if response.is_success:
                return response
            raise ImprintError(problem_of(response))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
        hint = "Is it running (`imprint up`)? Another address: --server URL or IMPRINT_SERVER."
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            hint = "Name the file (PEM) of the authority that vouches for it: IMPRINT_CA."
        return UnreachableError(f"{self.server} {what} ({str(error) or type(error).__name__}).", hint)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    port = url.port or {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.host, port


def _safe(server: str) -> bool:
    """Whether nobody on the way can read what is sent."""
    return httpx.URL(server).scheme == "https" or _here(server)


def _here(server: str) -> bool:
    """Whether the address is one of this machine alone."""
    return httpx.URL(server).host in ("127.0.0.1", "localhost", "::1")


class _Health(msgspec.Struct):
    service: str
    ready: bool
    reasons: tuple[str, ...]


class _Readiness(msgspec.Struct):
    services: tuple[_Health, ...]


def given(query: Mapping[str, Given]) -> dict[str, str | list[str]]:
    """A query without what was not asked for."""
    return {key: value for key, value in query.items() if value is not None}


def _decode(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        raise ImprintError(
            HttpProblem(
                status=502,
                title="The answer is not one of Imprint's",
                detail=f"{response.request.url}: {error}",
                hint="Is this the address of an Imprint gateway, of this version?",
            )
        ) from None


def problem_of(response: httpx.Response) -> HttpProblem:
    """The problem in a response, or one made from its status when the body has none (a proxy, another server)."""
    try:
        return msgspec.json.decode(response.content, type=HttpProblem)
    except msgspec.DecodeError:
        return HttpProblem(
            status=response.status_code,
            title=f"HTTP {response.status_code} {response.reason_phrase}",
            detail=response.text[:200],
            code="unavailable" if response.status_code in AWAY else "internal",
        )
