"""Whole connectors on a real server: what is asked over the bus happens on the disk and is told once it is true."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bus import Bus, bus
from pods import Hub, Pod
from pooled import ASSIGNMENT, left, published, wanting

from connector import presence
from connector.agent import connector
from connector.settings import ConnectorSettings
from contracts.events import from_pods, to_pods
from contracts.events.to_pods import Holder
from contracts.inventory import SECTIONS, VMS
from contracts.limits import Limits, Window
from contracts.manifest import Manifest, Source
from contracts.views import Progress
from harness.digests import root_of
from harness.nats import free_port, wait_for_port
from harness.wait import until
from runtime.ids import new_id

CONTENT = os.urandom(700_000)
_NOW = datetime.now(UTC)
CLOSED = (Window(begin=f"{(_NOW + timedelta(hours=6)):%H:%M}", end=f"{(_NOW + timedelta(hours=7)):%H:%M}"),)
"""Hours that are not now."""


class Site:
    """Two pods with their connectors in this process."""

    def __init__(self, said: Bus, folder: Path) -> None:
        self.bus = said
        self.one = Pod("pod-1", folder / "pod-1", said.hub)
        self.two = Pod("pod-2", folder / "pod-2", said.hub)

    async def imported(self, source: Source, **more: Any) -> tuple[str, Manifest]:
        version = new_id()
        await self.bus.import_("pod-1", source, version=version, **more)
        prepared = await self.bus.expect(from_pods.SourcePrepared, "pod-1", version=version)
        return version, prepared.manifest


def settings(url: str, pod: Pod, folder: Path, **more: Any) -> ConnectorSettings:
    return ConnectorSettings(
        data=str(folder / f"data-{pod.name}"),
        nats_url=url,
        pod=pod.name,
        root=str(pod.folder),
        ticket_key_file=str(pod.hub.public),
        manifest_key_file=str(pod.hub.manifest_key),
        **more,
    )


@pytest.fixture
async def site(nats_url: str, hub: Hub, tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        said = await stack.enter_async_context(bus(nats_url, hub, "pod-1", "pod-2"))
        found = Site(said, tmp_path)
        for pod in (found.one, found.two):
            stack.callback(pod.backend.close)
            await stack.enter_async_context(connector(settings(nats_url, pod, tmp_path, labels="site=here, tier=1")))
        yield found


async def test_a_connector_announces_itself_and_what_its_pod_holds(site: Site) -> None:
    announced = await site.bus.expect(from_pods.PodAnnounced, "pod-1")
    assert announced.hypervisor == "directory"
    assert announced.address.startswith("http://127.0.0.1:")
    assert announced.formats == ("raw", "qcow2", "vhd")
    assert announced.labels == {"site": "here", "tier": "1"}
    assert [store.name for store in announced.datastores] == ["main"]
    page = await site.bus.expect(from_pods.InventoryReported, "pod-1")
    reported = await site.bus.expect(from_pods.PodReported, "pod-1")
    assert reported.boot == announced.boot
    assert reported.root == page.root
    assert reported.working == ()
    await site.bus.say(to_pods.InventoryRequested(pod="pod-1", root="unknown"))
    assert await site.bus.expect(from_pods.InventoryReported, "pod-1") == page
    known = ("0" * 16, *page.sections[1:])
    await site.bus.say(to_pods.InventoryRequested(pod="pod-1", root="unknown", known=known))
    assert (await site.bus.expect(from_pods.InventoryReported, "pod-1")).changed == (VMS,)


async def test_on_demand_a_connector_looks_at_its_pod_at_once_and_tells_everything(site: Site) -> None:
    first = await site.bus.expect(from_pods.InventoryReported, "pod-1")
    await site.bus.expect(from_pods.PodReported, "pod-1")
    site.one.vm("made-behind-its-back")
    await site.bus.say(to_pods.InventoryRequested(pod="pod-1", root="", known=first.sections))
    page = await site.bus.expect(from_pods.InventoryReported, "pod-1")
    assert [vm.name for vm in page.vms] == ["made-behind-its-back"]
    assert page.changed == tuple(range(SECTIONS))
    assert (await site.bus.expect(from_pods.PodReported, "pod-1")).root == page.root
    await site.bus.say(to_pods.InventoryRequested(pod="pod-1", root=""))
    assert await site.bus.expect(from_pods.InventoryReported, "pod-1") == page


async def test_a_connector_says_which_copies_are_under_way_and_answers_pause_and_withdrawal(site: Site) -> None:
    two = site.two
    await site.bus.expect(from_pods.PodReported, "pod-2")
    version, manifest = await site.imported(site.one.file("disk", CONTENT))
    nobody = Holder(pod="pod-1", address="http://127.0.0.1:9")
    await site.bus.say(to_pods.LimitsChanged(pod="pod-2", revision=1, limits=Limits(windows=CLOSED)))
    copy = await site.bus.copy("pod-2", version, manifest, nobody, attempt=3)
    await site.bus.say(to_pods.InventoryRequested(pod="pod-2", root=""))
    while (await site.bus.expect(from_pods.PodReported, "pod-2")).working != (f"{copy}:3",):
        await site.bus.say(to_pods.InventoryRequested(pod="pod-2", root=""))
    await site.bus.say(to_pods.CopyPaused(pod="pod-2", copy=copy, version=version, attempt=3))
    await site.bus.say(to_pods.InventoryRequested(pod="pod-2", root=""))
    while (await site.bus.expect(from_pods.PodReported, "pod-2")).working:
        await site.bus.say(to_pods.InventoryRequested(pod="pod-2", root=""))
    for _ in range(2):
        await site.bus.say(to_pods.CopyWithdrawn(pod="pod-2", copy=copy, version=version, attempt=3))
        await site.bus.expect(from_pods.CopyDropped, "pod-2", copy=copy, version=version, attempt=3)
    assert not any(isinstance(event, from_pods.CopyRejected) for _, event in site.bus.heard)
    assert two.leftovers() == []


async def test_the_source_pod_answers_a_withdrawal_and_keeps_its_source(site: Site) -> None:
    version, manifest = await site.imported(site.one.file("disk", CONTENT))
    copy = await site.bus.copy("pod-1", version, manifest)
    done = await site.bus.expect(from_pods.CopyFinalised, "pod-1", copy=copy)
    assert (done.bytes_network, done.bytes_from) == (0, {})
    await site.bus.say(to_pods.CopyWithdrawn(pod="pod-1", copy=copy, version=version, attempt=1))
    await site.bus.expect(from_pods.CopyDropped, "pod-1", copy=copy, attempt=1)
    (placed,) = site.one.backend.held(version)
    assert (placed.item.source, placed.item.copies, placed.intact) == (True, (), True)


async def test_a_token_what_the_hosts_can_do_and_the_types_of_the_disks_are_announced_and_the_token_is_in_no_log(
    nats_url: str, hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "the-secret-of-this-pod"
    (tmp_path / "token").write_text(f"{secret}\n")
    async with bus(nats_url, hub, "pod-1") as said:
        pod = Pod("pod-1", tmp_path / "pod-1", hub)
        given = {"disk_types": "main=nvme, other=hdd", "capabilities": "trusted_launch, gpu.nvidia,"}
        for more in ({"enrolment": secret}, {"enrolment_file": str(tmp_path / "token")}):
            async with connector(settings(nats_url, pod, tmp_path, **given, **more)):
                announced = await said.expect(from_pods.PodAnnounced, "pod-1")
                assert announced.token == secret
                assert announced.capabilities == ("trusted_launch", "gpu.nvidia")
                assert announced.virtual_limit is None
                assert [(store.name, store.disk_type) for store in announced.datastores] == [("main", "nvme")]
                reported = await said.expect(from_pods.PodReported, "pod-1", boot=announced.boot)
                assert reported.datastores[0].disk_type == "nvme"
        async with connector(settings(nats_url, pod, tmp_path, enrolment_file=str(tmp_path / "absent"))):
            assert (await said.expect(from_pods.PodAnnounced, "pod-1")).token == ""
        pod.backend.close()
    said_in_logs = "".join(capfd.readouterr())
    assert secret not in said_in_logs


async def test_a_connector_that_runs_for_long_says_again_what_it_is(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub without its database, and without the stream's first days, learns of the pod all the same."""
    monkeypatch.setattr(presence, "ANNOUNCED", 0.2)
    hub = Hub(tmp_path)
    async with bus(nats_url, hub, "pod-1") as said:
        pod = Pod("pod-1", tmp_path / "pod-1", hub)
        token = tmp_path / "token"
        token.write_text("first")
        async with connector(settings(nats_url, pod, tmp_path, enrolment_file=str(token))):
            first = await said.expect(from_pods.PodAnnounced, "pod-1")
            token.write_text("second")
            again = await said.expect(from_pods.PodAnnounced, "pod-1", token="second")
            assert again == msgspec.structs.replace(first, token="second", datastores=again.datastores)
        pod.backend.close()


async def test_a_version_goes_from_a_vm_to_copies_on_both_pods(site: Site) -> None:
    holder = await site.bus.address("pod-1")
    seen: list[Progress] = []

    async def note(message: Any) -> None:
        seen.append(msgspec.json.decode(message.data, type=Progress))

    await site.bus.client.subscribe("progress.pod.>", cb=note)
    version, manifest = await site.imported(site.one.vm(os_disk=CONTENT))
    await site.bus.expect(from_pods.SourceStarted, "pod-1", version=version)
    copies = {}
    for pod in ("pod-1", "pod-2"):
        copies[pod] = await site.bus.copy(pod, version, manifest, holder)
    here = await site.bus.expect(from_pods.CopyFinalised, "pod-1", copy=copies["pod-1"])
    there = await site.bus.expect(from_pods.CopyFinalised, "pod-2", copy=copies["pod-2"])
    await site.bus.expect(from_pods.CopyTransferred, "pod-2", copy=copies["pod-2"], attempt=1)
    assert (here.bytes_network, here.digest) == (0, manifest.digest)
    assert there.bytes_network >= len(CONTENT)
    assert (there.item, there.datastore, there.digest) == (version, "main", manifest.digest)
    assert site.two.disk(site.two.backend.find(version)).read_bytes() == CONTENT
    page = await site.bus.expect(from_pods.InventoryReported, "pod-2", page=0)
    while not page.items:
        page = await site.bus.expect(from_pods.InventoryReported, "pod-2", page=0)
    assert page.items[0].version == version
    await site.bus.client.flush()
    assert {said.id for said in seen} >= {version, copies["pod-2"]}
    assert any(said.bytes_done == said.bytes_total == len(CONTENT) for said in seen)

    await site.bus.say(to_pods.CopyWithdrawn(pod="pod-2", copy=copies["pod-2"], version=version, attempt=1))
    while page.items:
        page = await site.bus.expect(from_pods.InventoryReported, "pod-2", page=0)
    assert site.two.backend.find(version) is None
    assert site.two.leftovers() == []


async def test_a_source_that_cannot_be_imported_is_rejected_and_leaves_nothing(site: Site) -> None:
    for source, code in (
        (Source(pod="pod-1", name="absent"), "vm_not_found"),
        (site.one.file("empty", b""), "file_empty"),
        (site.one.file("unknown", b"KDMV" + bytes(1000)), "format_unknown"),
    ):
        version = new_id()
        await site.bus.import_("pod-1", source, version=version)
        rejected = await site.bus.expect(from_pods.SourceRejected, "pod-1", version=version)
        assert rejected.failure.code == code
        assert rejected.failure.hint
    assert site.one.leftovers() == []
    assert site.one.backend.items() == []


async def test_a_converted_vm_is_deleted_only_on_the_catalogs_word(site: Site) -> None:
    source = site.one.vm(os_disk=CONTENT)
    version, _ = await site.imported(source, mode="convert")
    assert (site.one.folder / "vms/golden/.lock").read_text() == version
    await site.bus.say(to_pods.SourceReleased(pod="pod-1", version=version, source=source))
    await site.bus.expect(from_pods.SourceDeleted, "pod-1", version=version)
    assert not (site.one.folder / "vms/golden").exists()
    assert site.one.backend.find(version) is not None


async def test_a_discarded_import_leaves_no_bytes(site: Site) -> None:
    source = site.one.vm(os_disk=CONTENT)
    version, _ = await site.imported(source)
    await site.bus.say(to_pods.SourceDiscarded(pod="pod-1", version=version))
    await site.bus.import_("pod-1", source, version=version, attempt=2)  # a late word about it
    other, _ = await site.imported(source)  # carried out after both
    await until(lambda: [placed.item.version for placed in site.one.backend.items()] == [other])


# --- as processes, killed ---------------------------------------------------------------------------------------------


class Process:
    """A connector as a process that dies at ``label`` once, and is started again."""

    def __init__(self, url: str, pod: Pod, folder: Path, label: str) -> None:
        self._port = free_port()
        self._log = folder / f"{pod.name}.log"
        self._environment = os.environ | {
            "IMPRINT_DATA": str(folder / f"data-{pod.name}"),
            "IMPRINT_NATS_URL": url,
            "IMPRINT_POD": pod.name,
            "IMPRINT_ROOT": str(pod.folder),
            "IMPRINT_TICKET_KEY_FILE": str(pod.hub.public),
            "IMPRINT_MANIFEST_KEY_FILE": str(pod.hub.manifest_key),
            "IMPRINT_LOG_FORMAT": "json",
            "IMPRINT_HEALTH_PORT": str(self._port),
            "IMPRINT_CRASH_AT": label,
            "IMPRINT_CRASH_ONCE": str(folder / f"crashed-{pod.name}"),
        }
        self._running = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "connector"], env=self._environment, stdout=log, stderr=log)

    async def die_and_return(self) -> int:
        """Wait for its death and start it again; the exit code."""
        code = await asyncio.wait_for(asyncio.to_thread(self._running.wait, 30), 40)
        self._running = self._start()
        await asyncio.to_thread(wait_for_port, self._port, 30)
        return code

    def stop(self) -> int:
        """Ask it to stop; the exit code."""
        self._running.terminate()
        try:
            return self._running.wait(20)
        finally:
            self._running.kill()


@pytest.mark.parametrize("label", ["import.copied", "import.renamed", "task.done"])
async def test_a_connector_killed_during_an_import_finishes_it(
    label: str, nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1") as said:
        pod = Pod("pod-1", tmp_path / "pod-1", hub)
        source = pod.vm(os_disk=CONTENT, data=b"\2" * 70_000)
        process = Process(nats_url, pod, tmp_path, label)
        try:
            version = new_id()
            await said.import_("pod-1", source, version=version)
            assert await process.die_and_return() == 137
            prepared = await said.expect(from_pods.SourcePrepared, "pod-1", version=version)
        finally:
            assert process.stop() == 0
        assert root_of(pod.disk(pod.backend.find(version)).read_bytes()) == prepared.manifest.disks[0].root
        assert pod.leftovers() == []
        assert not any(isinstance(event, from_pods.SourcePrepared) for _, event in said.heard)
        pod.backend.close()


@pytest.mark.parametrize("label", ["withdraw.done", "task.done"])
async def test_a_connector_killed_during_a_withdrawal_carries_it_out_and_answers_once(
    label: str, nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1") as said:
        pod = Pod("pod-1", tmp_path / "pod-1", hub)
        task = pod.import_task(pod.file("disk", CONTENT))
        made = pod.copy(pod.copy_task(task.version, pod.prepare(task).manifest)).placed.item
        pod.backend.note(msgspec.structs.replace(made, source=False), "main")
        process = Process(nats_url, pod, tmp_path, label)
        try:
            await said.say(to_pods.CopyWithdrawn(pod="pod-1", copy=made.copies[0], version=made.version, attempt=5))
            assert await process.die_and_return() == 137
            await said.expect(from_pods.CopyDropped, "pod-1", copy=made.copies[0], attempt=5)
        finally:
            assert process.stop() == 0
        assert pod.backend.held(made.version) == []
        assert pod.leftovers() == []
        assert not any(isinstance(event, from_pods.CopyDropped) for _, event in said.heard)
        pod.backend.close()


@pytest.mark.parametrize("label", ["pool.staged", "pool.put", "pool.removed"])
async def test_a_connector_killed_while_it_makes_or_removes_a_pool_finishes_that(
    label: str, nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1") as said:
        pod = Pod("pod-1", tmp_path / "pod-1", hub)
        wanted = wanting(published(pod, CONTENT, "disk"))
        process = Process(nats_url, pod, tmp_path, label)
        try:
            await said.say(to_pods.AssignmentRequested(pod="pod-1", assignment=ASSIGNMENT, attempt=1, wanted=wanted))
            if label == "pool.removed":
                await said.expect(from_pods.AssignmentReported, "pod-1", state="IN_SYNC", attempt=1)
                await said.say(to_pods.AssignmentWithdrawn(pod="pod-1", assignment=ASSIGNMENT, attempt=2))
                assert await process.die_and_return() == 137
                await said.expect(from_pods.AssignmentReported, "pod-1", state="REMOVED", attempt=2)
            else:
                assert await process.die_and_return() == 137
                made = await said.expect(from_pods.AssignmentReported, "pod-1", state="IN_SYNC", attempt=1)
                assert [one.state for one in made.seats] == ["READY", "READY"]
        finally:
            assert process.stop() == 0
        assert not any(name.startswith("pools/") for name in left(pod))
        pod.backend.close()


@pytest.mark.parametrize("label", ["copy.fetched", "copy.renamed", "task.done"])
async def test_a_connector_killed_during_a_copy_finishes_it(
    label: str, nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1", "pod-2") as said:
        site = Site(said, tmp_path)
        async with connector(settings(nats_url, site.one, tmp_path)):
            holder = await said.address("pod-1")
            version, manifest = await site.imported(site.one.vm(os_disk=CONTENT))
            process = Process(nats_url, site.two, tmp_path, label)
            try:
                copy = await said.copy("pod-2", version, manifest, holder)
                assert await process.die_and_return() == 137
                await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=1)
            finally:
                assert process.stop() == 0
            assert site.two.disk(site.two.backend.find(version)).read_bytes() == CONTENT
            assert site.two.leftovers() == []


def test_a_missing_setting_is_named_and_nothing_starts() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMPRINT_")}
    done = subprocess.run(
        [sys.executable, "-m", "connector"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "IMPRINT_DATA" in done.stderr


def test_an_idle_connector_loads_neither_faststream_nor_what_it_needs_only_at_work() -> None:
    code = (
        "import sys, json, connector.__main__;"
        "print(json.dumps([m for m in ('faststream', 'pydantic', 'oslo_utils', 'cryptography', 'nacl', 'litestar')"
        " if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
