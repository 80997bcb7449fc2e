"""A client of ``text/event-stream``, and a speaker on the real stream of events."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import nats
from nats.js import JetStreamContext

from api import views
from contracts import codec
from contracts.events import SPEAKER_OF, Event, hub
from contracts.topology import subject
from contracts.views import Progress


@dataclass(frozen=True)
class Message:
    """One server-sent message."""

    event: str
    id: str
    data: Any


def ids(messages: list[Message]) -> list[int]:
    """The places of messages in the stream."""
    return [int(message.id) for message in messages]


class Listener:
    """Reads messages one after the other; ``last_id`` is what a browser would send as Last-Event-ID."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""
        self.comments: list[str] = []

    async def next(self) -> Message | None:
        """The next message with data; None at the end of the stream."""
        event, data = "message", []
        async for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
                continue
            if line:
                field, _, value = line.partition(": ")
                match field:
                    case "event":
                        event = value
                    case "data":
                        data.append(value)
                    case "id":
                        self.last_id = value
                continue
            if data:
                return Message(event, self.last_id, json.loads("\n".join(data)))
            event = "message"
        return None

    async def take(self, count: int) -> list[Message]:
        """The next ``count`` messages."""
        found = []
        while len(found) < count and (message := await self.next()) is not None:
            found.append(message)
        return found

    async def placed(self) -> None:
        """Return when the door has said where the stream stands: from here on nothing is missed."""
        async for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
                return


@asynccontextmanager
async def listen(
    http: httpx.AsyncClient, query: str = "", *, last_id: str | None = None, placed: bool = True
) -> AsyncIterator[Listener]:
    """Follow ``/v1/events``."""
    headers = {} if last_id is None else {"last-event-id": last_id}
    async with http.stream("GET", f"/v1/events{query}", headers=headers) as response:
        if response.status_code != 200:
            await response.aread()
            raise AssertionError(f"{response.status_code}: {response.text}")
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        listener = Listener(response)
        if placed and last_id is None and "after=" not in query:
            await listener.placed()
        yield listener


class Speaker:
    """Says events as the hub services do."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._count = 0

    async def say(self, event: Event, saga: str = views.JOB) -> int:
        """Publish an event; its sequence."""
        self._count += 1
        id = f"{self._count:032x}"
        named = codec.headers(
            type(event), id=id, at=views.AT, speaker=str(SPEAKER_OF[type(event)]), saga=saga, cause="c" * 32
        )
        ack = await self._js.publish(subject(event), codec.encode(event), headers=named)
        return ack.seq

    async def started(
        self, pod: str = "pod-1", saga: str = views.JOB, version: str = views.VERSION, image: str = ""
    ) -> int:
        """Publish that a copy started."""
        return await self.say(
            hub.CopyStarted(copy=f"{version}_{pod}_0", version=version, image=image, pod=pod, attempt=1, revision=1),
            saga,
        )

    async def progress(self, pod: str, id: str, done: int, version: str = views.VERSION) -> None:
        """Say how far a copy is, as a connector does."""
        report = Progress(id=id, version=version, step="transfer", bytes_done=done, bytes_total=1000, rate=5.0, eta=2.0)
        await self._js._nc.publish(f"progress.pod.{pod}.{id}", msgspec.json.encode(report))


@asynccontextmanager
async def speaker(url: str) -> AsyncIterator[Speaker]:
    """A connection that says events."""
    client = await nats.connect(url, name="speaker")
    try:
        yield Speaker(client.jetstream())
    finally:
        await client.close()
