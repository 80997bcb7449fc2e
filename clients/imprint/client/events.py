"""The live stream of events."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import httpx

from imprint.client.connection import SILENCE, Connection, given, problem_of
from imprint.exits import AWAY, ImprintError
from imprint.sse import Parser, ServerSentEvent

PATIENCE = 30.0
"""Seconds for which a broken event stream is connected again before the server counts as unreachable."""


class Events(Connection):
    """What the client does with events."""

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
        async with self._http.stream("GET", path, params=given(filters), headers=headers, timeout=timeout) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                raise ImprintError(problem_of(response))
            async for piece in response.aiter_bytes():
                yield piece
