"""The listening side for those who keep nothing: a stream in order, or live messages that are never stored."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.permissions import readers
from runtime.connection import connect
from runtime.ordered import Ordered, Stored, nothing_lost
from runtime.settings import Settings


class Feed:
    """A connection that only listens."""

    def __init__(self, client: Client, names: deque[str] | None = None) -> None:
        self._client = client
        self._names = names

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings, name: str) -> "AsyncIterator[Feed]":
        """A connection of its own; waits for a server that is not up yet. With a login it has few names for its
        consumers, which its permissions let it use."""
        names = deque(readers(settings.nats_user)) if settings.nats_user else None
        async with connect(settings, name) as client:
            yield cls(client, names)

    @property
    def connected(self) -> bool:
        """Whether the server is there now."""
        return self._client.is_connected

    def ordered(
        self,
        stream: str,
        handle: Callable[[Stored], Awaitable[None]],
        *,
        after: int | None = None,
        lost: Callable[[int, int], Awaitable[None]] = nothing_lost,
    ) -> Ordered:
        """A reader of a stream, to be entered; with a login as many at once as `contracts.permissions.READERS`."""
        return Ordered(self._client, stream, handle, after=after, lost=lost, names=self._names)

    @asynccontextmanager
    async def listen(self, subject: str, handle: Callable[[str, bytes], None]) -> AsyncIterator[None]:
        """Hand subject and body of live messages to ``handle`` while the block runs. It must not raise."""

        async def heard(message: Msg) -> None:
            handle(message.subject, message.data)

        subscription = await self._client.subscribe(subject, cb=heard)
        try:
            yield
        finally:
            if self._client.is_connected:
                await subscription.unsubscribe()
