"""The lives of versions end to end: dark publishes, pools that follow markers, deletion, restoring, the audit log."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.audit import Fault, Tip, verify
from contracts.desktops import Customisation
from contracts.errors import Problem
from contracts.events import hub, to_pods
from contracts.keeping import Quota, SoftDelete
from contracts.requests import (
    Accepted,
    Actor,
    AdmitExport,
    CreateAssignment,
    CreateGallery,
    DeleteVersion,
    DropAssignment,
    EditImage,
    EditVersion,
    GetAssignment,
    GetGallery,
    GetMarker,
    GetUsers,
    ListAudit,
    ListSeats,
    MoveMarker,
    RecordValidation,
    RestoreVersion,
    RollbackMarker,
    SetDataAccess,
    SetEnabled,
)
from contracts.views import AssignmentView, ExportGrantView, MarkerView, VersionView
from harness.asking import ACTOR
from harness.digests import sha256_of
from harness.house import House
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPERATOR = Actor(tenant="default", name="operator", roles=("operator",))
PROFILE = Customisation(host_name="desk-{n}")


async def settled(home: House, assignment: str, *, state: str = "IN_SYNC", timeout: float = 30.0) -> AssignmentView:
    """The assignment once all its pools are in ``state``."""

    async def there() -> AssignmentView | None:
        view = await home.ask(GetAssignment(actor=ACTOR, assignment=assignment))
        assert isinstance(view, AssignmentView), view
        return view if all(pool.state == state for pool in view.pods) else None

    view: AssignmentView = await home.record.until(there, timeout)
    return view


async def published(home: House, image: str, vm: str, seed: int, **more: Any) -> VersionView:
    """A version that is AVAILABLE on all pods, imported from a VM of its own on pod-1."""
    home.site("pod-1").vm(vm, raw(seed))
    version = await home.imported(image, name=vm)
    job, version = await home.published(version.number, image, **more)
    assert job.state == "SUCCESS", job
    return version


def seat_disks(home: House, pod: str, assignment: str) -> list[Path]:
    """The files of a pool's seats on a pod, but for the descriptors."""
    root = home.site(pod).root / "pools" / assignment
    return sorted(path for path in root.rglob("disk-*") if path.is_file())


async def test_a8_a_pool_follows_its_marker_to_the_next_version_and_back_f12(home: House) -> None:
    image = "default/followed"
    first = await published(home, image, "followed-1", 8)
    marker = await home.command(MoveMarker, image=image, marker="prod", number="1.0.0")
    assert isinstance(marker, MarkerView), marker
    made = await home.command(
        CreateAssignment, name="lab", image=image, marker="prod", pods=("pod-2", "pod-3"), seats=2,
        customisation=PROFILE,
    )  # fmt: skip
    assert isinstance(made, AssignmentView), made
    view = await settled(home, made.id)
    assert {pool.number for pool in view.pods} == {"1.0.0"}
    assert seat_disks(home, "pod-2", made.id)
    assert not seat_disks(home, "pod-1", made.id)

    second = await published(home, image, "followed-2", 9)
    moved = await home.command(MoveMarker, image=image, marker="prod", number=second.number)
    assert isinstance(moved, MarkerView), moved
    await home.record.until(lambda: _runs(home, made.id, second.id), 30)
    updated = home.record.of(hub.AssignmentUpdated, assignment=made.id)
    assert [said.event.cause for said in updated] == ["marker"], "one event for one move"

    back = await home.command(RollbackMarker, image=image, marker="prod")
    assert isinstance(back, MarkerView), back
    assert back.number == "1.0.0"
    await home.record.until(lambda: _runs(home, made.id, first.id), 30)
    marker = await home.ask(GetMarker(actor=ACTOR, image=image, marker="prod"))
    assert [move.number for move in marker.history] == ["1.0.0", "1.1.0", "1.0.0"]
    assert [move.rollback for move in marker.history] == [True, False, False]


async def _runs(home: House, assignment: str, version: str) -> bool:
    view = await home.ask(GetAssignment(actor=ACTOR, assignment=assignment))
    return all(pool.state == "IN_SYNC" and pool.version == version for pool in view.pods)


async def test_f10_a_version_that_is_used_is_not_deleted_and_who_uses_it_is_told_by_pod(home: House) -> None:
    image = "default/used"
    version = await published(home, image, "used-1", 11)
    await published(home, image, "used-2", 12)
    made = await home.command(
        CreateAssignment, name="users", image=image, number="1.0.0", pods=("pod-2",), seats=1, customisation=PROFILE
    )
    assert isinstance(made, AssignmentView), made
    await settled(home, made.id)
    refused = await home.command(DeleteVersion, image=image, number="1.0.0")
    assert isinstance(refused, Problem)
    assert refused.code == "version_in_use"
    assert "users" in refused.detail
    assert "pod-2" in refused.detail
    users = await home.ask(GetUsers(actor=ACTOR, image=image, number="1.0.0"))
    assert [(user.name, user.pod, user.seats) for user in users.items] == [("users", "pod-2", 1)]
    seats = await home.ask(ListSeats(actor=ACTOR, assignment=made.id))
    assert [(seat.pod, seat.seat.state, seat.seat.version) for seat in seats.items] == [("pod-2", "READY", version.id)]

    gone = await home.command(DropAssignment, assignment=made.id)
    assert isinstance(gone, AssignmentView), gone

    async def nowhere() -> bool:
        return isinstance(await home.ask(GetAssignment(actor=ACTOR, assignment=made.id)), Problem)

    await home.record.until(nowhere, 30)
    assert not seat_disks(home, "pod-2", made.id)
    accepted = await home.command(DeleteVersion, image=image, number="1.0.0")
    assert isinstance(accepted, Accepted), accepted
    job = await home.job(accepted, timeout=40)
    assert job.state == "SUCCESS", job
    await home.quiet()
    for pod in ("pod-1", "pod-2", "pod-3"):
        assert version.id not in home.site(pod).items(), f"{pod} still has the deleted version"
    missing = await home.version("1.0.0", image)
    assert isinstance(missing, Problem)
    assert missing.code == "version_not_found"
    latest = await home.version("latest", image)
    assert latest.number == "1.1.0"


async def test_f9_a_soft_deleted_version_is_used_by_number_only_and_comes_back_f9(home: House) -> None:
    gallery = await home.command(CreateGallery, name="soft", soft_delete=SoftDelete(enabled=True))
    assert not isinstance(gallery, Problem), gallery
    image = "soft/kept"
    version = await published(home, image, "kept-1", 13)
    accepted = await home.command(DeleteVersion, image=image, number="1.0.0")
    assert isinstance(accepted, Accepted), accepted
    deleted = await home.version("1.0.0", image)
    assert deleted.state == "SOFT_DELETED"
    none = await home.version("latest", image)
    assert isinstance(none, Problem)
    assert none.code == "no_latest"
    restored = await home.command(RestoreVersion, image=image, number="1.0.0")
    assert isinstance(restored, VersionView), restored
    assert restored.state == "AVAILABLE"
    assert (await home.version("latest", image)).id == version.id
    assert version.id in home.site("pod-3").items(), "its copies were never touched"


async def test_a7_a_dark_publish_is_at_no_instant_the_latest_and_is_promoted_by_an_edit(home: House) -> None:
    image = "default/dark"
    first = await published(home, image, "dark-1", 14)
    home.site("pod-1").vm("dark-2", raw(15))
    second = await home.imported(image, name="dark-2", exclude_from_latest=True)
    seen: set[str] = set()
    over = asyncio.Event()

    async def look() -> None:
        while not over.is_set():
            seen.add((await home.version("latest", image)).id)
            seen.add((await home.version("latest", image, pod="pod-2")).id)

    looking = asyncio.create_task(look())
    job, _ = await home.published(second.number, image)
    over.set()
    await looking
    assert job.state == "SUCCESS"
    assert seen == {first.id}
    changed = await home.command(EditVersion, image=image, number="1.1.0", changes={"exclude_from_latest": False})
    assert isinstance(changed, VersionView), changed
    assert (await home.version("latest", image)).id == second.id
    assert (await home.version("latest", image, pod="pod-2")).id == second.id


async def test_f5_disabling_an_image_disables_its_versions_and_enabling_restores_them(home: House) -> None:
    image = "default/switched"
    await published(home, image, "switched-1", 16)
    assert not isinstance(await home.command(SetEnabled, image=image, enabled=False), Problem)
    disabled = await home.version("1.0.0", image)
    assert disabled.state == "DISABLED"
    latest = await home.version("latest", image)
    assert isinstance(latest, Problem)
    assert latest.code == "image_disabled"
    refused = await home.command(
        CreateAssignment, name="late", image=image, number="1.0.0", pods=("pod-2",), customisation=PROFILE
    )
    assert isinstance(refused, Problem)
    assert refused.code == "image_disabled"
    assert not isinstance(await home.command(SetEnabled, image=image, enabled=True), Problem)
    assert (await home.version("latest", image)).state == "AVAILABLE"


async def test_i3_bytes_are_reserved_before_work_starts_so_that_a_quota_cannot_be_overshot(home: House) -> None:
    disk = raw(17)
    gallery = await home.command(CreateGallery, name="tight", quota=Quota(bytes=len(disk) * 3 // 2))
    assert not isinstance(gallery, Problem), gallery
    names = [f"tight-{n}" for n in range(4)]
    for name in names:
        home.site("pod-1").vm(name, disk)
    asked = [await home.import_(f"tight/{name}", name=name) for name in names]
    jobs = [await home.job(accepted, timeout=30) for accepted in asked if isinstance(accepted, Accepted)]
    states = [job.state for job in jobs]
    assert states.count("SUCCESS") == 1, jobs
    refusals = [job.failure.code for job in jobs if job.failure is not None]
    refusals += [problem.code for problem in asked if isinstance(problem, Problem)]
    assert refusals == ["quota_exceeded"] * 3
    view = await home.ask(GetGallery(actor=ACTOR, gallery="tight"))
    assert view.usage.bytes == len(disk)
    assert view.usage.versions == 1
    await home.quiet()
    assert home.site("pod-1").locks() == []
    assert home.site("pod-1").staging() == []


async def test_i5_the_audit_log_tells_who_changed_what_and_shows_when_it_was_tampered_with(home: House) -> None:
    image = "default/audited"
    await published(home, image, "audited-1", 18)
    await home.command(EditVersion, image=image, number="1.0.0", changes={"description": "for the auditors"})
    entries, cursor = [], None
    while True:
        page = await home.ask(ListAudit(actor=OPERATOR, cursor=cursor, limit=500))
        assert not isinstance(page, Problem), page
        entries += page.items
        cursor = page.next
        if cursor is None:
            break
    tip = verify(entries)
    assert isinstance(tip, Tip), tip
    assert (tip.sequence, tip.hash) == (page.sequence, page.head)
    version = await home.version("1.0.0", image)
    (edit,) = [one for one in entries if one.about == version.id and "for the auditors" in json.dumps(one.after)]
    assert edit.actor == ACTOR.name
    assert edit.tenant == ACTOR.tenant
    assert "for the auditors" not in json.dumps(edit.before)
    forged = msgspec.structs.replace(edit, actor="somebody else")
    fault = verify([forged if one is edit else one for one in entries])
    assert isinstance(fault, Fault)
    assert fault.sequence == edit.sequence
    assert isinstance(verify([one for one in entries if one is not edit], until=tip), Fault)


async def test_the_disk_of_a_seat_shows_the_bytes_of_the_copy(home: House) -> None:
    image, disk = "default/seen", raw(19)
    home.site("pod-1").vm("seen-1", disk)
    version = await home.imported(image, name="seen-1")
    await home.published(version.number, image)
    made = await home.command(
        CreateAssignment, name="seen", image=image, number="1.0.0", pods=("pod-3",), seats=1, customisation=PROFILE
    )
    assert isinstance(made, AssignmentView), made
    await settled(home, made.id)
    (file,) = seat_disks(home, "pod-3", made.id)
    if file.suffix == ".qcow2":
        content = await _through_qemu(file)
    else:
        content = await asyncio.to_thread(file.read_bytes)
    assert sha256_of(content[: len(disk)]) == sha256_of(disk)


async def _through_qemu(file: Path) -> bytes:
    """What a VM would read: the overlay over its base, by qemu's own eyes."""
    out = file.with_name("seen.raw")
    command = ("qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(file), str(out))
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
    content = await asyncio.to_thread(out.read_bytes)
    out.unlink()
    return content


async def test_f6_denied_data_stops_a_copy_under_way_and_is_read_by_operators_alone(home: House) -> None:
    image, owner = "default/denied", Actor(tenant="default", name="ann", roles=("owner",))
    home.site("pod-1").vm("denied", raw(8))
    version = await home.imported(image, name="denied")

    async def export(actor: Actor) -> Any:
        return await home.ask(AdmitExport(id=uuid.uuid4().hex, actor=actor, version=version.id, bearer="gateway"))

    await home.stop("pod-3")
    accepted = await home.publish("1.0.0", image, pods=("pod-2", "pod-3"))
    await home.record.expect(hub.CopyAvailable, version=version.id, pod="pod-2")
    denied = await home.command(SetDataAccess, image=image, number="1.0.0", active=False)
    assert isinstance(denied, VersionView), denied
    await home.record.expect(to_pods.CopyPaused, version=version.id, pod="pod-3")
    await home.start("pod-3")

    async def paused() -> bool:
        tasks = await home.documents("pod-3")
        return any(kind == "task" and '"paused"' in body for (kind, _), body in tasks.items())

    await home.record.until(paused)
    assert version.id not in home.site("pod-3").items()
    copies = {pod: (copy.state, copy.reason) for pod, copy in (await home.copies(version.id)).items()}
    assert copies == {"pod-2": ("AVAILABLE", ""), "pod-3": ("PENDING", "data_denied")}
    refused = await export(owner)
    assert isinstance(refused, Problem), refused
    assert (refused.code, refused.status) == ("data_access_denied", 403)
    assert isinstance(await export(OPERATOR), ExportGrantView)

    allowed = await home.command(SetDataAccess, image=image, number="1.0.0", active=True)
    assert not allowed.deactivated
    assert (await home.job(accepted)).state == "SUCCESS"
    assert home.site("pod-3").holds(version.id, version.manifest)
    assert isinstance(await export(owner), ExportGrantView)


async def test_b17_a_held_version_is_latest_once_it_was_validated(home: House) -> None:
    image = "default/held"
    await published(home, image, "held", 4, pods=("pod-1",))
    await home.command(EditImage, image=image, changes={"details": {"hold_until_validated": True}})
    assert (await home.version("latest", image)).code == "no_latest"
    refused = await home.command(MoveMarker, image=image, marker="prod", number="1.0.0")
    assert isinstance(refused, Problem), refused
    assert (refused.code, refused.status) == ("not_validated", 409)
    about = {"image": image, "number": "1.0.0"}
    good = RecordValidation(id=uuid.uuid4().hex, actor=ACTOR, kind="boot", status="Succeeded", **about)
    assert isinstance(await home.ask(good), VersionView)
    assert (await home.version("latest", image)).number == "1.0.0"
    assert isinstance(await home.command(MoveMarker, image=image, marker="prod", number="1.0.0"), MarkerView)
