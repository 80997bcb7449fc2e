"""Publish sagas through the real services: events per second and CPU per event of the whole system."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import nats

from bench.processes import Running, cpu, module
from contracts.errors import Problem
from contracts.manifest import Source
from contracts.requests import Actor, ImportVersion, ListPods, ListVersions, PublishVersion
from contracts.topology import STREAMS
from runtime.ids import new_id
from runtime.requests import Requests
from runtime.settings import Settings
from runtime.topology import apply

ACTOR = Actor(tenant="default", name="bench", roles=("operator", "owner"))
WIDE = {"enrolment": "open", "tenant_publishes": "1000", "tenant_publishes_across": "1000", "pod_copies": "1000"}
"""Settings of a replicator that holds nobody back: what a publish costs is measured, and not whose turn it is."""
WINDOW = 128
"""Commands under way at once."""


class Bench:
    """The hub services and stand-in pods on one server, and a client that drives them."""

    def __init__(self, requests: Requests, client: Any, processes: list[Running]) -> None:
        self.requests = requests
        self.client = client
        self.processes = processes
        self.split: dict[str, float] = {}
        """CPU microseconds per event of each process in the last `publish`."""

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, url: str, pods: int) -> "AsyncIterator[Bench]":
        """Start catalog, replicator and the stand-ins, and wait until all pods are connected."""
        client = await nats.connect(url)
        await apply(client)
        processes = []
        names = [f"pod-{n}" for n in range(1, pods + 1)]
        async with AsyncExitStack() as stack:
            stack.push_async_callback(client.close)
            for name, more in (("catalog", {}), ("replicator", WIDE)):
                given = {"data": str(folder / name), "nats_url": url, "log_level": "warning"}
                processes.append(module(name, folder, **given, **more))
                stack.callback(processes[-1].stop)
            processes.append(
                module("bench.standin", folder, data=str(folder / "pods"), nats_url=url, pods=",".join(names))
            )
            stack.callback(processes[-1].stop)
            settings = Settings(data=str(folder), nats_url=url)
            requests = await stack.enter_async_context(Requests.connect(settings, "bench"))
            async with asyncio.timeout(30):
                while True:
                    page = await requests.ask(ListPods(actor=ACTOR))
                    if not isinstance(page, Problem) and sum(pod.state == "CONNECTED" for pod in page.items) == pods:
                        break
                    await asyncio.sleep(0.05)
            yield cls(requests, client, processes)

    async def _all(self, subject: str, commands: list[Any]) -> None:
        """Send the commands and return once ``subject`` was heard as often."""
        left = len(commands)
        ended = asyncio.Event()

        async def heard(_: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                ended.set()

        subscription = await self.client.subscribe(subject, cb=heard, pending_msgs_limit=-1)
        await self.client.flush()
        window = asyncio.Semaphore(WINDOW)

        async def ask(command: Any) -> None:
            async with window:
                reply = await self.requests.ask(command, timeout=60)
            if isinstance(reply, Problem):
                raise TypeError(f"{reply.code}: {reply.detail}")

        await asyncio.gather(*(ask(command) for command in commands))
        async with asyncio.timeout(300):
            await ended.wait()
        await subscription.unsubscribe()

    async def import_versions(self, image: str, count: int) -> list[str]:
        """Versions ready to publish; their numbers."""
        numbers = [f"1.{n}.0" for n in range(count)]
        source = Source(pod="pod-1", kind="vm", name="golden")
        commands = [
            ImportVersion(actor=ACTOR, id=new_id(), image=image, create=True, source=source, number=number)
            for number in numbers
        ]
        # The catalog may hear of a pod a moment after the replicator: a refusal is for good, under its own id.
        while isinstance(reply := await self.requests.ask(commands[0]), Problem) and reply.code == "pod_unknown":
            commands[0] = msgspec.structs.replace(commands[0], id=new_id())
            await asyncio.sleep(0.05)
        await self._until_deployed(image)
        await self._all("event.version.deployed.*", commands[1:])
        return numbers

    async def _until_deployed(self, image: str) -> None:
        async with asyncio.timeout(30):
            while True:
                page = await self.requests.ask(ListVersions(actor=ACTOR, image=image))
                if not isinstance(page, Problem) and page.items and page.items[0].state == "DEPLOYMENT_DONE":
                    return
                await asyncio.sleep(0.02)

    async def publish(self, image: str, numbers: list[str], server: Running) -> tuple[float, float]:
        """Events a second and CPU microseconds per event over all processes, the server included."""
        commands = [PublishVersion(actor=ACTOR, id=new_id(), image=image, number=number) for number in numbers]
        everyone = [*self.processes, server]
        each = [one.cpu() for one in everyone]
        events, used, start = await self._stored(), cpu(everyone), time.perf_counter()
        await self._all("event.version.available.*", commands)
        took = time.perf_counter() - start
        await asyncio.sleep(0.2)  # the last acknowledgements belong to the work too
        events, used = await self._stored() - events, cpu(everyone) - used
        self.split = {one.name: (one.cpu() - was) / events * 1e6 for one, was in zip(everyone, each, strict=True)}
        return events / took, used / events * 1e6

    async def publish_one(self, image: str, number: str) -> float:
        """Seconds from the command to AVAILABLE, with nothing else going on."""
        start = time.perf_counter()
        await self._all(
            "event.version.available.*", [PublishVersion(actor=ACTOR, id=new_id(), image=image, number=number)]
        )
        return time.perf_counter() - start

    async def _stored(self) -> int:
        js = self.client.jetstream()
        return sum([(await js.stream_info(stream.name)).state.last_seq for stream in STREAMS])
