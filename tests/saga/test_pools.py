"""Desktop pools end to end: made on their pods from the copies there, moved with their marker, used, and gone."""

import json
import os
from pathlib import Path
from typing import Any

import disk_images as images
import msgspec

from contracts.desktops import Customisation, Endpoint
from contracts.errors import Problem
from contracts.events import from_pods, hub
from contracts.requests import (
    CancelJob,
    CreateAssignment,
    DeleteVersion,
    DropAssignment,
    EditPlacement,
    GetAssignment,
    GetJob,
    GetUsers,
    ListSeats,
    MoveMarker,
    RemoveCopy,
    RollbackMarker,
    UnpublishVersion,
)
from contracts.views import AssignmentView, JobView
from harness.asking import ACTOR, IMAGE
from harness.house import House, house
from saga.disks import raw

FIRST, SECOND = PODS = ("pod-1", "pod-2")
QUICK: dict[str, dict[str, Any]] = {pod: {"pool_interval": 0.1} for pod in PODS}
CUSTOM = Customisation(host_name="lab-{pod}-{n}")


def seat(home: House, pod: str, name: str = "desk-1") -> Path:
    (found,) = home.site(pod).root.glob(f"pools/*/{name}")
    return found


def runs(home: House, pod: str, name: str = "desk-1") -> str:
    return str(json.loads((seat(home, pod, name) / "desktop.json").read_text())["number"])


def log_on(home: House, pod: str, user: str | None) -> None:
    (seat(home, pod) / "session.json").write_bytes(msgspec.json.encode({"user": user}))


async def two_versions(home: House) -> None:
    """1.0.0 and 1.1.0 on both pods; the marker ``prod`` names the first."""
    home.site(FIRST).vm("golden", raw(8))
    await home.imported()
    home.site(FIRST).change("golden", 0, 0, os.urandom(4096))
    await home.imported(number="1.1.0")
    for number in ("1.0.0", "1.1.0"):
        _, version = await home.published(number)
        assert version.state == "AVAILABLE"
    moved = await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.0.0")
    assert not isinstance(moved, Problem), moved


async def assigned(home: House, **more: Any) -> AssignmentView:
    fields: dict[str, Any] = {"name": "lab", "image": IMAGE, "marker": "prod", "pods": PODS, "seats": 2}
    view = await home.command(CreateAssignment, **(fields | {"customisation": CUSTOM} | more))
    assert isinstance(view, AssignmentView), view
    return await until_state(home, "IN_SYNC", view.number)


async def shown(home: House) -> AssignmentView:
    found = await home.ask(GetAssignment(actor=ACTOR, assignment="lab"))
    assert isinstance(found, AssignmentView), found
    return found


async def until_state(home: House, state: str, number: str) -> AssignmentView:
    async def reached() -> AssignmentView | None:
        view = await shown(home)
        return view if view.state == state and {pool.number for pool in view.pods} == {number} else None

    view: AssignmentView = await home.record.until(reached, 20)
    return view


async def test_a8_f12_pools_follow_their_marker_and_come_back_in_one_call(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=2, more=QUICK) as home:
        await two_versions(home)
        view = await assigned(home)
        assert (view.state, [(pool.pod, pool.ready) for pool in view.pods]) == ("IN_SYNC", [(FIRST, 2), (SECOND, 2)])
        for pod in PODS:
            assert json.loads((seat(home, pod) / "desktop.json").read_text())["host_name"] == f"lab-{pod}-1"
        assert not isinstance(await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.1.0"), Problem)
        await until_state(home, "IN_SYNC", "1.1.0")
        assert [runs(home, pod, name) for pod in PODS for name in ("desk-1", "desk-2")] == ["1.1.0"] * 4
        assert not isinstance(await home.command(RollbackMarker, image=IMAGE, marker="prod"), Problem)
        await until_state(home, "IN_SYNC", "1.0.0")
        assert [runs(home, pod) for pod in PODS] == ["1.0.0"] * 2


async def test_f14_who_uses_a_version_is_known_by_pod_and_a_user_is_waited_for(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=2, more=QUICK) as home:
        await two_versions(home)
        await assigned(home)
        log_on(home, SECOND, "ada")

        async def users(number: str) -> dict[str, int]:
            page = await home.ask(GetUsers(actor=ACTOR, image=IMAGE, number=number))
            return {user.pod: user.users for user in page.items}

        async def told() -> bool:
            return await users("1.0.0") == {FIRST: 0, SECOND: 1}

        await home.record.until(told, 20)
        version = (await shown(home)).version
        used = await home.command(RemoveCopy, version=version, pod=SECOND)
        assert isinstance(used, Problem)
        assert (used.code, used.data["pod"], used.data["seats"]) == ("version_in_use", SECOND, 2)
        refused = await home.command(DropAssignment, assignment="lab")
        assert isinstance(refused, Problem)
        assert refused.code == "assignment_in_use"
        assert not isinstance(await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.1.0"), Problem)

        async def but_one() -> bool:
            return SECOND in await users("1.0.0") and FIRST not in await users("1.0.0")

        await home.record.until(but_one, 20)
        assert (runs(home, SECOND), runs(home, SECOND, "desk-2")) == ("1.0.0", "1.1.0")
        log_on(home, SECOND, None)
        await until_state(home, "IN_SYNC", "1.1.0")
        assert await users("1.0.0") == {}
        dropped = await home.command(DropAssignment, assignment="lab")
        assert not isinstance(dropped, Problem), dropped
        await home.record.expect(hub.AssignmentDeleted)
        for pod in PODS:
            assert list(home.site(pod).root.glob("pools/*")) == []


async def test_i2_pools_whose_update_is_cancelled_go_back_and_those_that_followed_stay(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=2, more=QUICK) as home:
        await two_versions(home)
        await assigned(home)
        log_on(home, SECOND, "ada")
        assert not isinstance(await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.1.0"), Problem)

        async def numbers() -> list[str]:
            return [runs(home, pod, name) for pod in PODS for name in ("desk-1", "desk-2")]

        async def halfway() -> bool:
            view = await shown(home)
            stands = [(pool.state, pool.number) for pool in view.pods]
            return stands == [("IN_SYNC", "1.1.0"), ("UPDATING", "1.0.0")] and (await numbers())[3] == "1.1.0"

        await home.record.until(halfway, 20)
        job = (await shown(home)).job
        cancelled = await home.command(CancelJob, job=job)
        assert isinstance(cancelled, JobView), cancelled

        async def over() -> bool:
            view = await home.ask(GetJob(actor=ACTOR, job=job))
            return isinstance(view, JobView) and view.state == "CANCELLED"

        await home.record.until(over, 20)
        assert await numbers() == ["1.1.0", "1.1.0", "1.0.0", "1.0.0"]
        view = await shown(home)
        assert [(pool.state, pool.number, pool.wanted_number) for pool in view.pods] == [
            ("IN_SYNC", "1.1.0", "1.1.0"),
            ("IN_SYNC", "1.0.0", "1.0.0"),
        ]


async def test_a_pod_that_was_away_makes_its_pool_what_is_wanted_when_it_is_back(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=2, more=QUICK) as home:
        await two_versions(home)
        await assigned(home)
        await home.stop(SECOND)
        assert not isinstance(await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.1.0"), Problem)
        await home.record.expect(from_pods.AssignmentReported, state="IN_SYNC", attempt=2)
        assert (runs(home, FIRST), runs(home, SECOND)) == ("1.1.0", "1.0.0")
        await home.start(SECOND)
        await until_state(home, "IN_SYNC", "1.1.0")
        assert runs(home, SECOND) == "1.1.0"


async def test_a_voi_image_is_distributed_to_endpoints_and_each_tells_how_far_it_is(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=2, more=QUICK) as home:
        home.site(FIRST).file("voi.qcow2", images.qcow2(data_clusters=4))
        version = await home.imported(kind="file", name="voi.qcow2", desktop_kind="VOI", os_type="linux")
        await home.published("1.0.0")
        endpoints = (Endpoint(name="box-1", model="C200"), Endpoint(name="box-2", model="C100"))
        await assigned(
            home, marker=None, number="1.0.0", pods=(SECOND,), seats=0, endpoints=endpoints, customisation=CUSTOM
        )

        async def states() -> dict[str, tuple[str, str]]:
            page = await home.ask(ListSeats(actor=ACTOR, assignment="lab"))
            return {view.seat.name: (view.seat.state, view.seat.version) for view in page.items}

        assert await states() == {"box-1": ("WAITING_INSTALL", ""), "box-2": ("WAITING_INSTALL", "")}
        (seat(home, SECOND, "box-1") / "endpoint.json").write_text('{"state": "restarted"}')

        async def completed() -> bool:
            return (await states())["box-1"] == ("COMPLETED", version.id)

        await home.record.until(completed, 20)


async def test_seats_go_on_with_the_bytes_of_a_copy_that_was_taken_back(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=2, more=QUICK) as home:
        await two_versions(home)
        await assigned(home, marker=None, number="1.0.0")
        assert not isinstance(await home.command(MoveMarker, image=IMAGE, marker="prod", number="1.1.0"), Problem)
        refused = await home.command(UnpublishVersion, image=IMAGE, number="1.0.0")
        assert isinstance(refused, Problem)
        assert refused.code == "version_in_use"
        version = await home.version("1.0.0")
        await home.quiet()
        edited = await home.command(EditPlacement, version=version.id, remove=(SECOND,))
        assert isinstance(edited, Problem)
        assert edited.code == "version_in_use"
        forced = await home.command(DeleteVersion, image=IMAGE, number="1.0.0", bypass_soft_delete=True, force=True)
        assert not isinstance(forced, Problem), forced
        await home.record.expect(from_pods.CopyDropped, pod=SECOND)
        assert version.id not in home.site(SECOND).items()
        (disk,) = json.loads((seat(home, SECOND) / "desktop.json").read_text())["disks"]
        beneath = seat(home, SECOND) / (disk["base"] or disk["file"])
        assert beneath.resolve().read_bytes() == raw(8)
        assert (await shown(home)).state == "IN_SYNC"
