"""A connector that dies at each of the points where dying could hurt: its work is finished, once."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import connector
from contracts.desktops import Customisation
from contracts.errors import Problem
from contracts.events import hub
from contracts.requests import CreateAssignment, DropAssignment, GetAssignment, MoveMarker, UnpublishVersion
from contracts.views import AssignmentView
from harness.asking import ACTOR, IMAGE
from harness.house import House, house
from imprint.local.child import Child
from runtime.settings import PREFIX
from saga.disks import raw

POINTS = sorted(
    {
        point
        for file in Path(str(connector.__file__)).parent.rglob("*.py")
        for point in re.findall(r"""crash_at\(["']([^"']+)["']\)""", file.read_text())
    }
)
"""Every point that the connector's code names."""

DIED = 137


@dataclass(frozen=True)
class Doomed:
    """A pod whose connector dies at ``point`` during its import or during its first copy."""

    point: str
    phase: str

    @property
    def pod(self) -> str:
        return re.sub("[^a-z0-9]+", "-", f"{self.point}-{self.phase}")[:32]

    @property
    def snapshot(self) -> bool:
        """Whether its import makes a snapshot: only then the point is reached."""
        return self.point == "import.snapshot"


def doomed() -> list[Doomed]:
    """A pod for each point, and for each phase where the point lies in both."""
    found = []
    for point in POINTS:
        own = point.partition(".")[0]
        if own in ("withdraw", "pool") or point == "import.unpacked":  # none of these: see below, and faults/
            continue
        found += [Doomed(point, phase) for phase in ("import", "copy") if own not in ("import", "copy") or own == phase]
    return found


def environment(home: House, pod: str, **crash: str) -> dict[str, str]:
    """The environment of a connector as a process."""
    settings = msgspec.structs.asdict(home.connector_settings(pod))
    given = {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return clean | given | {f"{PREFIX}CRASH_{name.upper()}": value for name, value in crash.items()}


@asynccontextmanager
async def process(home: House, pod: str, point: str) -> AsyncIterator[tuple[Child, Path]]:
    """A connector under supervision that dies at ``point`` as long as its marker is not there."""
    marker, log = home.folder / f"{pod}.crashed", home.folder / f"{pod}.log"
    command = [sys.executable, "-m", "connector"]
    child = Child(pod, command, environment(home, pod, at=point, once=str(marker)), log, lambda _: None)
    await child.start()
    try:
        yield child, marker
    finally:
        await child.stop()


async def test_a_connector_that_dies_at_any_point_of_an_import_or_a_copy_finishes_it_once(
    nats_url: str, tmp_path: Path
) -> None:
    pods = doomed()
    sources = [one for one in pods if one.phase == "import"]
    takers = [one for one in pods if one.phase == "copy"]
    assert sources
    assert takers
    async with house(nats_url, tmp_path, pods=0) as home, AsyncExitStack() as stack:
        children: dict[str, tuple[Child, Path]] = {}
        for number, one in enumerate(pods):
            home.site(one.pod).vm("golden", raw(4, seed=number), raw(3, seed=number + 100))
            children[one.pod] = await stack.enter_async_context(process(home, one.pod, one.point))
            if one in takers:
                children[one.pod][1].touch()  # not yet
        for one in pods:
            await home.reachable(one.pod)
        accepted = [await home.import_(f"default/{one.pod}", pod=one.pod, snapshot=one.snapshot) for one in sources]
        for job in accepted:
            assert (await home.job(job)).state == "SUCCESS"
        for one in takers:
            children[one.pod][1].unlink()
        published = [await home.publish("1.0.0", f"default/{one.pod}") for one in sources]
        for job in published:
            assert (await home.job(job)).state == "SUCCESS"
        await home.quiet()

        versions = [await home.version("1.0.0", f"default/{one.pod}") for one in sources]
        assert {version.state for version in versions} == {"AVAILABLE"}
        for one in pods:
            child, marker = children[one.pod]
            assert marker.exists(), one
            assert child.deaths == 1, one
            site = home.site(one.pod)
            assert site.items() == sorted(version.id for version in versions), one
            for version in versions:
                assert site.holds(version.id, version.manifest), (one, version.name)
            assert site.staging() == site.locks() == [], one
        for version in versions:
            assert len(home.record.of(hub.VersionDeployed, version=version.id)) == 1
            assert len(home.record.of(hub.CopyAvailable, version=version.id)) == len(pods)


async def test_what_an_import_left_when_it_died_goes_once_its_deadline_has_passed_and_the_next_import_finds_the_vm_free(
    nats_url: str, tmp_path: Path
) -> None:
    dying = [one for one in doomed() if one.point.startswith("import.")]
    async with house(nats_url, tmp_path, pods=0, more={"catalog": {"import_deadline": 8.0}}) as home:
        before = {}
        ends = []
        for one in dying:
            home.site(one.pod).vm("golden", raw(4), raw(3))
            before[one.pod] = home.site(one.pod).files()
            with (tmp_path / f"{one.pod}.log").open("wb") as log:
                command = (sys.executable, "-m", "connector")
                given = environment(home, one.pod, at=one.point)
                ends.append(await asyncio.create_subprocess_exec(*command, env=given, stdout=log, stderr=log))
        for one in dying:
            await home.reachable(one.pod)
        failing = [
            await home.import_(
                f"default/{one.pod}",
                pod=one.pod,
                mode="clone" if one.snapshot else "convert",
                snapshot=one.snapshot,
            )
            for one in dying
        ]
        assert [await end.wait() for end in ends] == [DIED] * len(dying)
        for one in dying:
            assert home.site(one.pod).locks() == ["vms/golden/.lock"], one
        for job in failing:
            failure = (await home.job(job)).failure
            assert failure is not None
            assert failure.code == "deadline_exceeded"

        await home.stop("catalog")
        home.more["catalog"] = {}
        await home.start("catalog")
        again = [await home.import_(f"default/{one.pod}", pod=one.pod) for one in dying]
        await home.start(*(one.pod for one in dying))
        for accepted, one in zip(again, dying, strict=True):
            assert (accepted.number, (await home.job(accepted)).state) == ("1.0.0", "SUCCESS")
            await home.quiet()
            site = home.site(one.pod)
            version = await home.version("1.0.0", f"default/{one.pod}")
            assert site.items() == [version.id], one
            assert site.holds(version.id, version.manifest), one
            assert {file: size for file, size in site.files().items() if "/items/" not in file} == before[one.pod], one


async def test_a_connector_that_dies_once_it_dropped_a_copy_says_so_when_it_is_back(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=1) as home:
        home.site("pod-1").vm("golden", raw(4))
        version = await home.imported()
        assert "withdraw.done" in POINTS
        async with process(home, "pod-2", "withdraw.done") as (child, marker):
            await home.reachable("pod-2")
            await home.published("1.0.0")
            assert home.site("pod-2").holds(version.id, version.manifest)
            job = await home.job(await home.command(UnpublishVersion, image=IMAGE, number="1.0.0"))
            assert job.state == "SUCCESS"
            await home.record.expect(hub.CopyRemoved, version=version.id, pod="pod-2")
            assert (marker.exists(), child.deaths) == (True, 1)
            assert home.site("pod-2").items() == home.site("pod-2").staging() == []


async def test_f13_a_connector_that_dies_at_any_point_of_a_pools_life_makes_it_what_is_wanted(
    nats_url: str, tmp_path: Path
) -> None:
    points = [point for point in POINTS if point.startswith("pool.")]
    assert points
    pods = [re.sub("[^a-z0-9]+", "-", point) for point in points]
    more: dict[str, dict[str, Any]] = {pod: {"pool_interval": 0.1} for pod in pods}
    async with house(nats_url, tmp_path, pods=0, more=more) as home, AsyncExitStack() as stack:
        children: dict[str, tuple[Child, Path]] = {}
        for pod, point in zip(pods, points, strict=True):
            home.site(pod).vm("golden", raw(4, seed=1))
            children[pod] = await stack.enter_async_context(process(home, pod, point))
            children[pod][1].touch()  # not yet
        for pod in pods:
            await home.reachable(pod)
        for number in ("1.0.0", "1.1.0"):
            assert (await home.job(await home.import_(pod=pods[0], number=number))).state == "SUCCESS"
            assert (await home.job(await home.publish(number))).state == "SUCCESS"

        async def until(number: str) -> None:
            async def reached() -> AssignmentView | None:
                view = await home.ask(GetAssignment(actor=ACTOR, assignment="lab"))
                assert isinstance(view, AssignmentView), view
                ready = [(pool.number, pool.ready) for pool in view.pods] == [(number, 2)] * len(pods)
                return view if ready and view.state == "IN_SYNC" else None

            await home.record.until(reached, 30)

        given = {"customisation": Customisation(host_name="lab-{pod}-{n}"), "seats": 2, "pods": tuple(pods)}
        await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.0.0")
        await home.command(CreateAssignment, name="lab", image=IMAGE, marker="prod", **given)
        await until("1.0.0")
        for _, marker in children.values():
            marker.unlink()
        await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.1.0")
        await until("1.1.0")
        await home.command(DropAssignment, assignment="lab")

        async def gone() -> bool:
            return isinstance(await home.ask(GetAssignment(actor=ACTOR, assignment="lab")), Problem)

        await home.record.until(gone, 30)
        for pod, point in zip(pods, points, strict=True):
            child, marker = children[pod]
            assert marker.exists(), point
            assert child.deaths == 1, point
            assert list(home.site(pod).root.glob("pools/*")) == [], point
