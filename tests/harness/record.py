"""Everything that is said on the streams, in the order in which the server stored it."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import codec
from contracts.events import Event
from contracts.events.from_pods import InventoryReported, PodReported
from contracts.topology import STREAMS
from runtime.topology import apply

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Said:
    """A message as it lies in its stream; ``at`` is the server's time, ``event`` what it says, None for no event."""

    stream: str
    seq: int
    at: datetime
    subject: str
    headers: dict[str, str]
    data: bytes
    event: Any

    @property
    def id(self) -> str:
        return self.headers.get("ce-id", "")

    @property
    def saga(self) -> str:
        return self.headers.get("correlation_id", "")

    @property
    def cause(self) -> str:
        return self.headers.get("causation_id", "")

    @property
    def pod(self) -> str:
        """The pod that it is said to or by, or that an event of the hub is about; empty when there is none."""
        return getattr(self.event, "pod", "") if self.stream == "EVENTS" else self.subject.split(".")[2]


class Record:
    """What was heard so far; whoever waits looks again at each piece of news."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self._news = asyncio.Condition()

    async def take(self, message: Msg) -> None:
        about = message.metadata
        try:
            event = codec.decode(message.data)
        except (codec.UnknownTypeError, codec.BadBodyError):
            event = None
        headers = dict(message.headers or {})
        said = Said(about.stream, about.sequence.stream, about.timestamp, message.subject, headers, message.data, event)
        async with self._news:
            self.said.append(said)
            self._news.notify_all()

    def of(self, *kinds: type[Event], pod: str | None = None, **fields: object) -> list[Said]:
        """What was said of these kinds, with these fields, to, by or about that pod."""
        return [
            said
            for said in self.said
            if isinstance(said.event, kinds)
            and (pod is None or said.pod == pod)
            and all(getattr(said.event, name) == value for name, value in fields.items())
        ]

    def saga(self, job: str) -> list[Said]:
        """What was said for a job, stream by stream in order."""
        return [said for said in self.said if said.saga == job]

    @property
    def beatless(self) -> list[Said]:
        """All but heartbeats and inventories, which go on for ever."""
        return [said for said in self.said if not isinstance(said.event, PodReported | InventoryReported)]

    async def until(self, condition: Callable[[], Any], timeout: float = 20.0) -> Any:
        """The first true answer of ``condition`` (it may be a coroutine function), asked again at each piece of news.

        Pods report all the time, so a condition that no event announces is noticed too. Raises TimeoutError.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._until(condition)
        except TimeoutError:
            last = "\n".join(f"{said.at} {said.subject} {said.data.decode()[:200]}" for said in self.beatless[-15:])
            raise TimeoutError(f"not within {timeout:g} s; the last that was said:\n{last}") from None

    async def _until(self, condition: Callable[[], Any]) -> Any:
        while True:
            known = len(self.said)
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return answer
            async with self._news:
                await self._news.wait_for(lambda known=known: len(self.said) > known)  # type: ignore[misc]

    async def expect(self, kind: type[E], *, pod: str | None = None, timeout: float = 20.0, **fields: object) -> Said:
        """The first event of this kind, now or later."""
        found = await self.until(lambda: self.of(kind, pod=pod, **fields), timeout)
        first: Said = found[0]
        return first


@asynccontextmanager
async def recording(url: str) -> AsyncIterator[tuple[Client, Record]]:
    """A plain client of its own that makes the streams and writes down all that is said on them."""
    client = await nats.connect(url)
    record = Record()
    try:
        await apply(client)
        for stream in STREAMS:
            subject = stream.subjects[0]
            await client.jetstream().subscribe(subject, stream=stream.name, ordered_consumer=True, cb=record.take)
        yield client, record
    finally:
        await client.close()
