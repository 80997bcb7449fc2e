"""A real nats-server with the configuration that an installation writes: everyone has a login of their own."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from contracts import permissions
from contracts.events import Speaker
from contracts.permissions import Account
from contracts.topology import STREAMS, durables
from harness.nats import NatsServer
from imprint.local import broker, keys
from runtime import topology
from runtime.connection import options
from runtime.ids import new_id
from runtime.settings import Settings

PODS = ("pod-1", "pod-2", "pod-10")
SOURCES = ("jenkins",)
SPY = permissions.Client("spy", Account.HUB, (">",), (">",))
"""The test's own eyes: may do everything in HUB."""

Lasts = dict[str, int]


class Party:
    """A connection with one client's login, and what the server refused to it."""

    def __init__(self, client: Client, refused: list[str]) -> None:
        self.client = client
        self.refused = refused

    async def publish(self, subject: str, body: bytes = b"{}", reply: str = "") -> bool:
        """Whether the server let it through."""
        before = len(self.refused)
        await self.client.publish(subject, body, reply=reply)
        await self.settle()
        return len(self.refused) == before

    async def subscribe(self, subject: str, queue: str = "") -> bool:
        """Whether the server lets it listen."""
        before = len(self.refused)
        await self.client.subscribe(subject, queue=queue)
        await self.settle()
        return len(self.refused) == before

    async def settle(self) -> None:
        """Return when the server has dealt with all that was sent, and said what it refuses of it.

        Twice, for the library's first ping may overtake what it still buffers.
        """
        await self.client.flush()
        await self.client.flush()

    async def ask(self, subject: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The answer to a request that is allowed."""
        data = json.dumps({} if body is None else body).encode()
        found: dict[str, Any] = json.loads((await self.client.request(subject, data, 5, headers=headers)).data)
        return found

    async def acknowledge(self, reply: str) -> None:
        """Acknowledge a message and wait until the server confirms it."""
        await self.client.request(reply, b"+ACK", 5)

    async def pull(self, stream: str, durable: str, count: int) -> list[Any]:
        """So many messages of a durable; TimeoutError when they do not come."""
        found: asyncio.Queue[Any] = asyncio.Queue()
        box = self.client.new_inbox()
        subscription = await self.client.subscribe(box, cb=found.put)
        request = json.dumps({"batch": count, "expires": 5_000_000_000}).encode()
        await self.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}", request, reply=box)
        async with asyncio.timeout(5):
            messages = [await found.get() for _ in range(count)]
        await subscription.unsubscribe()
        return messages


class Guarded:
    """The running server with its topology applied, and its logins."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.keys = folder / "keys"
        self.server = NatsServer(folder)
        self.server.config.write_text(
            broker.configuration(
                host="127.0.0.1",
                port=self.server.port,
                store=str(folder / "js"),
                accounts=f"keys/{keys.ACCOUNTS}",
            )
        )
        self.admit(PODS)
        self._open: list[Client] = []

    def admit(self, pods: Sequence[str]) -> None:
        """Write down who may log in."""
        keys.make(self.keys, (*permissions.clients(pods, SOURCES), SPY))

    def reload(self, pods: Sequence[str]) -> None:
        """Let exactly these pods in, while the server runs."""
        self.admit(pods)
        os.kill(self.server.pid, signal.SIGHUP)

    def settings(self, client: str, data: Path | None = None) -> Settings:
        return Settings(
            data=str(data or self.keys),
            nats_url=self.server.url,
            nats_user=client,
            nats_password_file=str(self.keys / client / keys.PASSWORD),
        )

    async def party(self, client: str) -> Party:
        """A new connection as ``client``."""
        refused: list[str] = []

        async def error(problem: Exception) -> None:
            if "permissions violation" in str(problem):
                refused.append(str(problem))

        given = {**options(self.settings(client), client), "error_cb": error}
        found = await nats.connect(**given)
        self._open.append(found)
        return Party(found, refused)

    async def lasts(self, spy: Party) -> Lasts:
        """The last sequence of each stream: what was stored counts, whatever became of it."""
        js = spy.client.jetstream()
        return {stream.name: (await js.stream_info(stream.name)).state.last_seq for stream in STREAMS}

    async def close(self) -> None:
        for client in self._open:
            await client.close()


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[Guarded]:
    """The server while the block runs; admin and replicator made what is theirs to make."""
    found = Guarded(folder)
    found.server.start()
    try:
        admin, replicator = await found.party("admin"), await found.party("replicator")
        await topology.apply(admin.client)
        for pod in PODS:
            for durable in durables(Speaker.CONNECTOR, pod):
                await topology.ensure_durable(replicator.client.jetstream(), durable)
        assert not admin.refused
        assert not replicator.refused
        yield found
    finally:
        await found.close()
        found.server.stop()


async def withdraw(party: Party, pod: str, copy: str = "c") -> dict[str, Any]:
    """The replicator says something to a pod."""
    body = {"type": "copy.withdrawn.v1", "pod": pod, "copy": copy, "version": new_id(), "attempt": 1}
    return await party.ask(f"to.pod.{pod}.copy.withdrawn.{copy}", body)


async def leaks(spy: Party, *but: str) -> list[str]:
    """What is said in the hub's account from now on, besides our own questions, answers on their way to another account
    and what is said on ``but``."""
    leaked: list[str] = []
    known = ("$JS.API.STREAM.INFO.", "_INBOX_spy.", "_R_.", "$JS.EVENT.", *but)

    async def hear(message: Any) -> None:
        if not message.subject.startswith(known):
            leaked.append(message.subject)

    await spy.client.subscribe(">", cb=hear)
    await spy.settle()
    return leaked
