"""Connectors with nothing to copy: the real runtime (store, consumer, relay) and answers without any work.

``python -m bench.standin`` plays the pods of IMPRINT_PODS, so that a bench measures the control plane alone.
"""

import asyncio
import os
import signal
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from contracts.events import Speaker, from_pods, to_pods
from contracts.manifest import Disk, Manifest
from runtime import logs
from runtime.ids import new_id
from runtime.service import Definition, service
from runtime.settings import Settings
from runtime.work import Get, Local, Message, Reaction, Ref, Work

BEAT = 15.0


class Beat(Local, frozen=True, kw_only=True, tag="beat"):
    """Say that the pod is there."""

    first: bool


def manifest(request: to_pods.SourceRequested) -> Manifest:
    """Some content, different for each version."""
    digest = request.version * 2
    disk = Disk(role="os", lun=0, format="raw", size=65536, virtual_size=65536, root=digest, sha256=digest)
    return Manifest(disks=(disk,), source=request.source, created=datetime.now(UTC))


def definition(pod: str) -> Definition:
    """A connector that is done as soon as it is asked."""
    boot = new_id()
    store = from_pods.Datastore(name="default", capacity=10**12, free=10**12)

    def beat(message: Message[Beat], work: Work) -> None:
        if message.body.first:
            work.emit(
                from_pods.PodAnnounced(
                    boot=boot, address="http://127.0.0.1:1", hypervisor="directory", family="directory",
                    connector_version="0", formats=("raw", "qcow2"), labels={}, datastores=(store,), interval=BEAT,
                )
            )  # fmt: skip
        work.emit(from_pods.PodReported(boot=boot, root="r", datastores=(store,), dead_letters=0))

    def prepare(message: Message[to_pods.SourceRequested], work: Work) -> None:
        asked = message.body
        work.emit(from_pods.SourceStarted(version=asked.version, attempt=asked.attempt))
        work.emit(
            from_pods.SourcePrepared(
                version=asked.version, attempt=asked.attempt, manifest=manifest(asked), datastore="default"
            )
        )

    def copy(message: Message[to_pods.CopyRequested], work: Work) -> None:
        asked = message.body
        digest = asked.manifest.digest
        said: dict[str, Any] = {"copy": asked.copy, "version": asked.version, "attempt": asked.attempt}
        said |= {"digest": digest, "bytes_network": 0, "bytes_reused": 0}
        files = tuple(
            from_pods.FileDigest(lun=disk.lun, format=disk.format, size=disk.size, root=disk.root)
            for disk in asked.manifest.disks
        )
        work.emit(from_pods.CopyTransferred(**said))
        work.emit(from_pods.CopyFinalised(**said, item=asked.version, datastore="default", files=files))

    def dropped(message: Message[to_pods.CopyWithdrawn], work: Work) -> None:
        asked = message.body
        work.emit(from_pods.CopyDropped(copy=asked.copy, version=asked.version, attempt=asked.attempt))

    def none(_: Message[Any], __: Get) -> Iterable[Ref]:
        return ()

    def ignore(_: Message[Any], __: Work) -> None:
        return

    return Definition(
        name=Speaker.CONNECTOR,
        pod=pod,
        reactions={
            Beat: Reaction(none, beat),
            to_pods.SourceRequested: Reaction(none, prepare),
            to_pods.CopyRequested: Reaction(none, copy),
            to_pods.SourceReleased: Reaction(none, ignore),
            to_pods.SourceDiscarded: Reaction(none, ignore),
            to_pods.CopyWithdrawn: Reaction(none, dropped),
            to_pods.CopyPaused: Reaction(none, ignore),
            to_pods.CopyExtended: Reaction(none, ignore),
            to_pods.LimitsChanged: Reaction(none, ignore),
            to_pods.InventoryRequested: Reaction(none, ignore),
        },
        local=Beat,
    )


async def main(pods: list[str], folder: Path, url: str) -> None:
    """Run the stand-ins until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(service(definition(pod), Settings(data=str(folder / pod), nats_url=url)))
            for pod in pods
        ]
        first = True
        while not stop.is_set():
            for one in running:
                await one.processor.submit(Beat(first=first))
            first = False
            try:
                await asyncio.wait_for(stop.wait(), BEAT)
            except TimeoutError:
                continue


if __name__ == "__main__":
    configured = Settings(data=os.environ["IMPRINT_DATA"])
    logs.configure(configured, {"service": "standin"})
    uvloop.run(main(os.environ["IMPRINT_PODS"].split(","), configured.folder, os.environ["IMPRINT_NATS_URL"]))
