"""The demo, step by step, against an installation that runs."""

import asyncio
import time
from contextlib import aclosing
from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.requests import Accepted
from contracts.views import CopyView, VersionView
from imprint.client import Client
from imprint.exits import JOB_EXITS, Exit
from imprint.local.installation import Installation
from imprint.output import size
from imprint.story import readback
from imprint.story.machine import Machine
from imprint.watch import Bars, follow

IMAGE = "default/golden"
PATIENCE = 90.0
"""Seconds that a single import or publish may take."""
SHOWN = (
    "version.publish_requested", "version.replicating", "version.available", "version.partially_available",
    "version.failed", "copy.planned", "copy.started", "copy.delayed", "copy.available", "copy.failed",
)  # fmt: skip


class UntrueError(Exception):
    """Something that the demo shows is not so."""


class Heard(msgspec.Struct, frozen=True):
    """An event of the live stream."""

    type: str
    time: datetime
    job: str
    body: dict[str, object]

    @property
    def name(self) -> str:
        """The type without its version."""
        return self.type.rpartition(".")[0]


class Play:
    """Six steps; each prints what it did and raises when it is not as it should be."""

    def __init__(self, installation: Installation, client: Client, console: Console) -> None:
        self._installation = installation
        self._client = client
        self._console = console
        self._heard: list[Heard] = []
        self._news = asyncio.Condition()
        self._pods = installation.pods

    def say(self, text: str) -> None:
        """One line, without markup: names come from outside."""
        self._console.print(Text(text))

    async def listen(self) -> None:
        """Write down every event, as a client of the live stream; runs beside the steps."""
        async with aclosing(self._client.events({})) as events:
            async for event in events:
                if event.event in ("progress", "gap"):
                    continue
                async with self._news:
                    self._heard.append(msgspec.json.decode(event.data, type=Heard))
                    self._news.notify_all()

    async def import_(self, machine: Machine, number: str) -> VersionView:
        """Import the VM as a version and show that it is ready to publish."""
        begun = time.monotonic()
        accepted = await self._client.import_version(
            IMAGE, pod=self._pods[0], name=machine.name, kind="vm", mode="clone", number=number
        )
        await self._finish(accepted)
        version = await self._client.version(IMAGE, number)
        if version.manifest is None or version.state != "DEPLOYMENT_DONE":
            raise UntrueError(f"version {number} is {version.state}, not DEPLOYMENT_DONE")
        if not machine.os_disk.exists():
            raise UntrueError("a clone took its source VM away")
        self.say(
            f"      {IMAGE} {version.number} is {version.state} after {time.monotonic() - begun:.1f} s; "
            f"VM {machine.name} is still there"
        )
        for disk in version.manifest.disks:
            self.say(f"      disk {disk.lun} ({disk.role}, {disk.format}): {size(disk.size)}, sha256 {disk.sha256}")
        return version

    async def publish(self, number: str) -> None:
        """Publish a version to all pods and show that it went AVAILABLE only after the last of them."""
        begun = time.monotonic()
        accepted = await self._client.publish(IMAGE, number)
        await self._finish(accepted)
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: any(e.name == "version.available" for e in self._of(accepted)))
        events = self._of(accepted)
        start = events[0].time
        available = 0
        for event in events:
            note = ""
            if event.name == "copy.available":
                available += 1
                note = f"  {available} of {len(self._pods)}: its connector finalised it"
            elif event.name == "version.available":
                note = f"  {number} is AVAILABLE"
            if event.name in SHOWN:
                self.say(
                    f"      +{(event.time - start).total_seconds():7.3f} s  {event.name:<26}"
                    f" {event.body.get('pod', '')!s:<6}{note}"
                )
        names = [event.name for event in events]
        before = names[: names.index("version.available")]
        if before.count("copy.available") != len(self._pods):
            raise UntrueError(
                f"{number} went AVAILABLE with {before.count('copy.available')} of {len(self._pods)} copies"
            )
        self.say(f"      published in {time.monotonic() - begun:.1f} s")

    def _of(self, accepted: Accepted) -> list[Heard]:
        return [event for event in self._heard if event.job == accepted.job]

    async def _finish(self, accepted: Accepted) -> None:
        with Bars(self._console) as bars:
            job = await follow(self._client, accepted.job, bars, timeout=PATIENCE)
        if JOB_EXITS[job.state] is not Exit.DONE:
            why = f": {job.failure.text} ({job.failure.code}). {job.failure.hint}" if job.failure is not None else ""
            raise UntrueError(f"the {job.kind} of {job.number} ended in {job.state}{why}")

    async def received(self, version: VersionView) -> None:
        """Show how many bytes each pod received for a version."""
        if version.manifest is None:
            raise UntrueError(f"{version.number} has no manifest")
        full = version.manifest.size
        self.say(f"      bytes received over the network for {version.number} (all disks together: {size(full)}):")
        for copy in await self._client.copies(IMAGE, version.number):
            where = " (the source pod: it has them)" if copy.pod == version.source.pod else ""
            self.say(
                f"        {copy.pod:<8} {copy.bytes_network:>13,} B  = {copy.bytes_network / full:6.1%} of it;"
                f" {size(copy.bytes_reused)} were there already{where}"
            )

    async def table(self, numbers: tuple[str, ...]) -> None:
        """Read every copy back from the pods' disks and print what is there."""
        versions: list[tuple[VersionView, list[CopyView]]] = []
        for number in numbers:
            version = await self._client.version(IMAGE, number)
            versions.append((version, await self._client.copies(IMAGE, number)))
            if version.state != "AVAILABLE":
                raise UntrueError(f"{number} is {version.state}")
        roots = {pod: self._installation.pod_root(pod) for pod in self._pods}
        rows = await asyncio.to_thread(readback.read, roots, versions)
        wide = self._console.width >= 120
        table = Table(show_edge=False, pad_edge=False)
        for column in ("VERSION", "POD", "DISK", "STATE", "SHA-256 OF THE COPY ON DISK", "AS IMPORTED"):
            table.add_column(column, no_wrap=True)
        for row in rows:
            digest = row.sha256 if wide else f"{row.sha256[:16]}…"
            disk = f"{row.disk.lun} {row.disk.role} {row.disk.format}"
            table.add_row(row.number, row.pod, disk, row.state, digest, "yes" if row.right else "NO")
        self._console.print(table)
        expected = sum(len(v.manifest.disks) if v.manifest else 0 for v, _ in versions) * len(self._pods)
        wrong = [row for row in rows if not row.right]
        if wrong or len(rows) != expected:
            raise UntrueError(f"{len(wrong)} of {len(rows)} copies differ from what was imported ({expected} expected)")
        self.say(f"All {len(rows)} disks of all copies were read back from the pods' folders and are as imported.")

    async def kept(self, numbers: tuple[str, ...]) -> None:
        """Show that what is wanted is what is there."""
        wanted = available = 0
        for number in numbers:
            placement = await self._client.placement(IMAGE, number)
            wanted += placement.wanted
            available += placement.copies.get("AVAILABLE", 0)
            if placement.state != "SETTLED":
                raise UntrueError(f"the placement of {number} is {placement.state}")
        if not wanted == available == len(numbers) * len(self._pods):
            raise UntrueError(f"{wanted} copies are wanted, {available} are AVAILABLE")
        self.say(f"Desired and observed are the same: {wanted} copies wanted, {available} AVAILABLE.")
