"""The Python client of the HTTP API: typed methods that return `contracts.views`, or raise `ImprintError`."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
import msgspec

from contracts.limits import Limits
from contracts.requests import (
    Accepted,
    CopyPage,
    ImagePage,
    ItemPage,
    JobPage,
    PodPage,
    TimelinePage,
    VersionPage,
    VmPage,
)
from contracts.views import (
    CopyView,
    ImageView,
    JobView,
    PodView,
    TimelineView,
    VersionView,
)
from imprint.exits import AWAY, HttpProblem, ImprintError, UnreachableError
from imprint.sse import Parser, ServerSentEvent

T = TypeVar("T")
P = TypeVar("P", bound=msgspec.Struct)

TRIES = 3
"""How often a request is sent when the connection fails; a write keeps its Idempotency-Key, so it acts once."""
PATIENCE = 30.0
"""Seconds for which a broken event stream is connected again before the server counts as unreachable."""
SILENCE = 60.0
"""Seconds without a byte (the server sends comments meanwhile) after which an event stream counts as broken."""


def image_path(image: str) -> str:
    """The path of an image given by id or as ``gallery/name``; nothing in it can leave its segment."""
    return f"/v1/images/{quote(image, safe='')}"


class Client:
    """A connection to one server; an async context manager.

    Raises in every method:
        ImprintError: the server refused or failed; `ImprintError.problem` says why.
        UnreachableError: no answer.
    """

    def __init__(
        self, server: str, *, timeout: float = 30.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.server = server
        self._http = httpx.AsyncClient(
            base_url=server, timeout=timeout, transport=transport, headers={"Accept": "application/json"}
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    # --- images and versions ------------------------------------------------------------------------------------------

    async def images(self, gallery: str | None = None, state: str | None = None) -> list[ImageView]:
        """All images, by gallery and name."""
        return await self._all("/v1/images", ImagePage, gallery=gallery, state=state)

    async def image(self, image: str) -> ImageView:
        """An image by id or ``gallery/name``."""
        return await self._get(image_path(image), ImageView)

    async def versions(self, image: str) -> list[VersionView]:
        """The versions of an image, newest first."""
        return await self._all(f"{image_path(image)}/versions", VersionPage)

    async def version(self, image: str, number: str = "latest", *, pod: str | None = None) -> VersionView:
        """A version by number or ``latest``; with ``pod`` the latest of those available there."""
        return await self._get(self._version_path(image, number), VersionView, pod=pod)

    async def import_version(
        self,
        image: str,
        *,
        pod: str,
        name: str,
        kind: str = "vm",
        disks: str = "all",
        mode: str = "clone",
        number: str | None = None,
        file_type: str | None = None,
        datastore: str | None = None,
        create: bool = True,
        os_type: str = "linux",
    ) -> Accepted:
        """Import a VM or a file of a pod as a version; with ``create`` a new image is registered first."""
        body: dict[str, Any] = {
            "source": {"pod": pod, "kind": kind, "name": name, "disks": disks},
            "mode": mode,
            "create": create,
            "os_type": os_type,
        }
        optional = {"number": number, "file_type": file_type, "datastore": datastore}
        body.update({key: value for key, value in optional.items() if value is not None})
        return await self._post(f"{image_path(image)}/versions", body, Accepted)

    async def publish(
        self,
        image: str,
        number: str,
        *,
        pods: tuple[str, ...] = (),
        again: bool = False,
        deadline: float | None = None,
    ) -> Accepted:
        """Publish a version to ``pods`` (all, when none are named); ``again`` repairs what is not AVAILABLE.

        ``deadline`` is in seconds from now.
        """
        body: dict[str, Any] = {}
        if pods:
            body["targets"] = {"kind": "list", "pods": list(pods)}
        if deadline is not None:
            body["deadline"] = deadline
        verb = "republish" if again else "publish"
        return await self._post(f"{self._version_path(image, number)}/{verb}", body, Accepted)

    async def copies(self, image: str, number: str) -> list[CopyView]:
        """The copies of a version, a pod each, with live bytes while they are made."""
        return await self._all(f"{self._version_path(image, number)}/copies", CopyPage)

    # --- pods ---------------------------------------------------------------------------------------------------------

    async def pods(self) -> list[PodView]:
        """All enrolled pods, by name."""
        return await self._all("/v1/pods", PodPage)

    async def pod(self, pod: str) -> PodView:
        """A pod with its limits."""
        return await self._get(f"/v1/pods/{quote(pod, safe='')}", PodView)

    async def set_limits(self, pod: str, limits: Limits, revision: int | None = None) -> PodView:
        """Set all limits of a pod; with ``revision`` only if those that were read with it still hold."""
        headers = {"Idempotency-Key": uuid4().hex}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        path = f"/v1/pods/{quote(pod, safe='')}/limits"
        return _decode(await self._send("PUT", path, json=msgspec.to_builtins(limits), headers=headers), PodView)

    async def pod_vms(self, pod: str) -> VmPage:
        """The VMs of a pod as of its last inventory."""
        return await self._get(f"/v1/pods/{quote(pod, safe='')}/vms", VmPage)

    async def pod_library(self, pod: str) -> ItemPage:
        """The content library of a pod as of its last inventory."""
        return await self._get(f"/v1/pods/{quote(pod, safe='')}/library", ItemPage)

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def jobs(self, state: str | None = None, kind: str | None = None) -> list[JobView]:
        """All jobs, newest first."""
        return await self._all("/v1/jobs", JobPage, state=state, kind=kind)

    async def job(self, job: str) -> JobView:
        """A job by id."""
        return await self._get(f"/v1/jobs/{quote(job, safe='')}", JobView)

    async def timeline(self, job: str) -> list[TimelineView]:
        """The events of a job's saga, in order."""
        return await self._all(f"/v1/jobs/{quote(job, safe='')}/events", TimelinePage)

    # --- events -------------------------------------------------------------------------------------------------------

    async def events(
        self, filters: Mapping[str, str | None], last_id: str = "", *, patience: float = PATIENCE
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """What happens, as it happens and for ever; a broken connection goes on after the last event seen.

        ``filters`` (all optional): ``type`` (``copy``, ``copy.available``, ``progress``), ``image``, ``version``,
        ``pod``, ``job``. Without ``last_id`` it begins with the next event.
        """
        pause, broken = 0.2, 0.0
        while True:
            parser = Parser(last_id)
            try:
                async for piece in self._stream("/v1/events", last_id, filters):
                    pause, broken = parser.retry or 0.2, 0.0
                    for event in parser.feed(piece):
                        last_id = event.id
                        yield event
                    last_id = parser.last_id  # the server also names the place at which it begins
            except httpx.TransportError as error:
                broken = broken or time.monotonic()
                if time.monotonic() - broken > patience:
                    raise self._unreachable(error) from None
            except ImprintError as error:
                broken = broken or time.monotonic()
                if error.problem.status not in AWAY or time.monotonic() - broken > patience:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _stream(self, path: str, last_id: str, filters: Mapping[str, str | None]) -> AsyncIterator[bytes]:
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        timeout = httpx.Timeout(30.0, read=SILENCE)
        async with self._http.stream("GET", path, params=_given(filters), headers=headers, timeout=timeout) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                raise ImprintError(problem_of(response))
            async for piece in response.aiter_bytes():
                yield piece

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

    # --- the HTTP side ------------------------------------------------------------------------------------------------

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

    def _version_path(self, image: str, number: str) -> str:
        return f"{image_path(image)}/versions/{quote(number, safe='')}"

    async def _get(self, path: str, kind: type[T], /, **query: str | None) -> T:
        return _decode(await self._send("GET", path, params=_given(query)), kind)

    async def _all(self, path: str, kind: type[P], /, **query: str | None) -> list[Any]:
        """All items of a paged list."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page: Any = await self._get(path, kind, cursor=cursor, **query)
            items.extend(page.items)
            cursor = page.next
            if cursor is None:
                return items

    async def _post(self, path: str, body: Mapping[str, Any], kind: type[T]) -> T:
        headers = {"Idempotency-Key": uuid4().hex}
        return _decode(await self._send("POST", path, json=body, headers=headers), kind)

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
        return UnreachableError(
            f"{self.server} {what} ({str(error) or type(error).__name__}).",
            "Is it running (`imprint up`)? Another address: --server URL or IMPRINT_SERVER.",
        )


class _Health(msgspec.Struct):
    service: str
    ready: bool
    reasons: tuple[str, ...]


class _Readiness(msgspec.Struct):
    services: tuple[_Health, ...]


def _given(query: Mapping[str, str | None]) -> dict[str, str]:
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
