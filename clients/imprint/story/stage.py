"""The demo from the first process to the last: sets everything up, plays the steps, and takes it down."""

import asyncio
import time
from pathlib import Path

from rich.console import Console

from imprint.local.installation import Installation
from imprint.output import size
from imprint.story import disks
from imprint.story.machine import Machine
from imprint.story.play import IMAGE, Play
from imprint.up import called, quiet, unless_stopped

PODS = 3


class StoppedError(Exception):
    """Somebody pressed Ctrl-C."""


async def perform(console: Console, disk: Path | None, data: Path, *, keep: bool) -> None:
    """Play the demo in the folder ``data``; ``disk`` is the user's own, or None.

    Raises:
        InstallationError, ToolError: it cannot be set up here.
        UntrueError: something is not as it should be.
        StoppedError: it was stopped from outside before its end.
    """
    quiet()
    shown = asyncio.Event()
    if not await unless_stopped(_perform(console, disk, data, keep, shown)) and not shown.is_set():
        raise StoppedError


async def _perform(console: Console, disk: Path | None, data: Path, keep: bool, shown: asyncio.Event) -> None:
    begun = time.monotonic()
    machine = Machine(data / "pods" / "pod-1" / "vms", data / "work", disk)
    _step(console, 1, f"Start nats-server, five services and {PODS} pods; make the disks meanwhile")
    building = asyncio.create_task(asyncio.to_thread(machine.build), name="disks")
    try:
        async with Installation(data, pods=PODS) as installation, installation.client() as client:
            play = Play(installation, client, console)
            play.say(f"      up after {time.monotonic() - begun:.1f} s: {installation.url}")
            await _steps(console, play, machine, building, disk)
            shown.set()
            play.say(f"API  {installation.url}/v1, described at {installation.url}/openapi.json")
            if keep:
                example = f"{called(installation)} image show {IMAGE}"
                play.say(f"It stays up until Ctrl-C. Try: {example}")
                await asyncio.Event().wait()
            play.say("Stopping everything ...")
    finally:
        # A thread cannot be cancelled: the folder must not be taken away from under it.
        await asyncio.gather(building, return_exceptions=True)


async def _steps(
    console: Console, play: Play, machine: Machine, building: asyncio.Task[None], disk: Path | None
) -> None:
    listening = asyncio.create_task(play.listen(), name="events")
    try:
        _step(console, 2, "A source VM with an OS disk and a data disk on pod-1")
        await building
        what = disk.name if disk is not None else "a filesystem made of files of this machine"
        play.say(f"      OS disk: {what}, as {machine.format}, {size(disks.held(machine.os_disk))}")
        for note in machine.notes:
            play.say(f"      {note}")
        _step(console, 3, "Import 1.0.0: a clone, so the VM stays")
        await play.import_(machine, "1.0.0")
        _step(console, 4, f"Publish 1.0.0 to {PODS} pods")
        await play.publish("1.0.0")
        _step(console, 5, "Change a few percent of the OS disk, import 1.1.0, publish it")
        changed = await asyncio.to_thread(machine.update)
        play.say(f"      {size(changed)} changed inside the disk")
        version = await play.import_(machine, "1.1.0")
        await play.publish("1.1.0")
        await play.received(version)
        _step(console, 6, "What is on the pods' disks now, hashed again without asking any service")
        await play.table(("1.0.0", "1.1.0"))
        await play.kept(("1.0.0", "1.1.0"))
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _step(console: Console, number: int, text: str) -> None:
    console.print(f"[bold]{number}/6[/]  {text}", highlight=False)
