"""D10: the largest resident memory of whole connectors, the source's and the target's, while a version is published."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.data_inputs import GIB, Cache
from bench.report import Figure
from contracts.errors import Problem
from contracts.events.hub import Targets
from contracts.manifest import Format, Source
from contracts.requests import Actor, Command, ImportVersion, ListPods, ListVersions, PublishVersion, Request
from imprint.local.installation import Installation
from runtime.ids import new_id
from runtime.requests import Requests

ACTOR = Actor(tenant="default", name="bench", roles=("operator", "owner"))
IMAGE, NUMBER = "default/disk", "1.0.0"
PATIENCE = 600.0
"""Seconds within which a step of a saga must have been taken."""
SOURCE, TARGET = "pod-1", "pod-2"


def memory(work: Path, cache: Cache) -> list[Figure]:
    """D10 for a dense disk of a few GiB and for the largest sparse one; each in an installation of its own."""
    peaks = {}
    for name in ("old.qcow2", "huge"):
        peaks[name] = asyncio.run(published(work / f"house-{name}", cache.path(name), cache[name].format))  # type: ignore[arg-type]
    said = [
        f"{cache[name].size / GIB:.1f} GiB {cache[name].format} ({cache[name].used / GIB:.1f} GiB used): "
        + ", ".join(f"{role} {size:.0f} MiB" for role, size in found.items())
        for name, found in peaks.items()
    ]
    return [
        Figure(
            id="D10",
            measure="peak resident memory (VmHWM) of a connector while it imports or copies, the larger of both disks",
            value=float(f"{max(max(found.values()) for found in peaks.values()):.4g}"),
            unit="MiB",
            reach="<= 100 MiB",
            baseline="none; whole connectors, started for this",
            rounds=1,
            note="; ".join(said) + ". Limited by the interpreter with its libraries, and by a buffer for each thread.",
        )
    ]


async def published(folder: Path, disk: Path, format: Format) -> dict[str, float]:
    """Import ``disk`` on one pod of a new installation and publish it to another; MiB at most of each connector."""
    async with Installation(folder, pods=2) as installation:
        os.link(disk, installation.pod_root(SOURCE) / "incoming" / "disk")
        async with Requests.connect(installation.settings_of("gateway"), "bench") as requests:
            await _until(requests, ListPods(actor=ACTOR), ["CONNECTED", "CONNECTED"])
            source = Source(pod=SOURCE, kind="file", name="disk")
            await _accepted(
                requests,
                lambda command: ImportVersion(
                    actor=ACTOR, id=command, image=IMAGE, create=True, source=source, file_type=format, number=NUMBER
                ),
            )
            versions = ListVersions(actor=ACTOR, image=IMAGE)
            await _until(requests, versions, ["DEPLOYMENT_DONE"])
            targets = Targets(kind="list", pods=(TARGET,))
            await _accepted(
                requests,
                lambda command: PublishVersion(actor=ACTOR, id=command, image=IMAGE, number=NUMBER, targets=targets),
            )
            await _until(requests, versions, ["AVAILABLE"])
        return {role: _peak(installation.children[pod].pid) for role, pod in (("source", SOURCE), ("target", TARGET))}


async def _accepted(requests: Requests, command: Callable[[str], Command]) -> None:
    """Send the command, anew while the hub is not yet ready for it. Raises TimeoutError."""
    async with asyncio.timeout(30):
        while isinstance(reply := await requests.ask(command(new_id())), Problem):
            if reply.code not in ("pod_unknown", "no_target", "unavailable"):
                raise RuntimeError(f"{reply.code}: {reply.detail}")
            await asyncio.sleep(0.1)


async def _until(requests: Requests, query: Request, states: list[str]) -> None:
    """Ask until those are the states of what is listed. Raises RuntimeError when one has failed, TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while True:
            page: Any = await requests.ask(query)
            if not isinstance(page, Problem):
                found = [one.state for one in page.items]
                if found == states:
                    return
                if "FAILED" in found:
                    raise RuntimeError(f"{page.items}")
            await asyncio.sleep(0.1)


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
