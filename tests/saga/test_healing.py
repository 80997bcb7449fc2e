"""What is there in fact, held against what should be there: lost, surplus, unknown and forgotten things on pods."""

import shutil
from pathlib import Path

from contracts.events import from_pods, hub, to_pods
from contracts.requests import GetPodLibrary, RequestInventory, UnpublishVersion
from harness.asking import ACTOR, IMAGE
from harness.house import House, house
from saga.disks import raw

FIRST, SECOND, THIRD = PODS = ("pod-1", "pod-2", "pod-3")


async def test_a_copy_deleted_behind_our_back_is_missing_within_a_scan_and_made_again(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.published("1.0.0")
        await home.quiet()
        (item,) = home.site(THIRD).root.glob(f"datastores/*/items/{version.id}")
        shutil.rmtree(item)
        lost = await home.record.expect(hub.CopyLost, version=version.id, pod=THIRD)
        assert lost.event.state == "MISSING"
        await home.record.expect(hub.CopyAvailable, version=version.id, pod=THIRD, attempt=2)
        assert home.site(THIRD).holds(version.id, version.manifest)
        assert await home.record.until(lambda: len(home.record.of(hub.VersionAvailable, version=version.id)) == 2)
        history = (await home.copies(version.id))[THIRD].history
        assert [failure.code for failure in history] == ["copy_missing"]


async def test_a_pod_restored_from_an_old_disk_gets_what_it_lost_and_drops_what_was_unpublished(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        old = await home.imported()
        await home.published("1.0.0")
        await home.quiet()
        await home.stop(THIRD)
        shutil.copytree(home.site(THIRD).root, tmp_path / "site-backup", symlinks=True)
        shutil.copytree(home.folder / THIRD, tmp_path / "data-backup", symlinks=True)
        await home.start(THIRD)
        await home.job(await home.command(UnpublishVersion, image=IMAGE, number="1.0.0"))
        new = await home.imported()
        await home.published(new.number)
        await home.quiet()
        await home.stop(THIRD)
        for path, backup in ((home.site(THIRD).root, "site-backup"), (home.folder / THIRD, "data-backup")):
            shutil.rmtree(path)
            shutil.copytree(tmp_path / backup, path, symlinks=True)
        assert home.site(THIRD).items() == [old.id]

        await home.start(THIRD)
        await home.record.until(lambda: home.site(THIRD).items() == [new.id], timeout=30)
        await home.quiet()
        assert home.site(THIRD).holds(new.id, new.manifest)
        assert (await home.copies(new.id))[THIRD].state == "AVAILABLE"
        assert home.record.of(hub.CopyLost, version=new.id, pod=THIRD)


async def test_a_replicator_without_its_database_learns_everything_again_and_moves_no_byte(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.published("1.0.0")
        await home.quiet()
        await home.stop("replicator")
        shutil.rmtree(home.folder / "replicator")
        heard = len(home.record.said)
        await home.start("replicator")
        await home.record.until(lambda: _available(home, version.id), timeout=30)
        await home.quiet()
        assert (await home.version("1.0.0")).state == "AVAILABLE"
        for pod in PODS:
            assert home.site(pod).holds(version.id, version.manifest)
        finalised = [one.event for one in home.record.said[heard:] if isinstance(one.event, from_pods.CopyFinalised)]
        assert sum(event.bytes_network for event in finalised) == 0


async def _available(home: House, version: str) -> bool:
    copies = await home.copies(version)
    return len(copies) == len(PODS) and all(copy.state == "AVAILABLE" for copy in copies.values())


async def test_a_replicator_restored_from_an_hour_ago_converges_with_the_pods_and_the_catalog(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        first = await home.imported()
        await home.published("1.0.0")
        await home.quiet()
        await home.stop("replicator")
        shutil.copytree(home.folder / "replicator", tmp_path / "backup")
        await home.start("replicator")
        second = await home.imported()
        await home.published(second.number)
        await home.job(await home.command(UnpublishVersion, image=IMAGE, number="1.0.0"))
        await home.quiet()
        await home.stop("replicator")
        shutil.rmtree(home.folder / "replicator")
        shutil.copytree(tmp_path / "backup", home.folder / "replicator")

        await home.start("replicator")
        await home.record.until(lambda: _available(home, second.id), timeout=30)
        await home.quiet()
        assert (await home.version(second.number)).state == "AVAILABLE"
        assert (await home.version("1.0.0")).state == "DEPLOYMENT_DONE"
        gone = {pod: copy.state for pod, copy in (await home.copies(first.id)).items()}
        assert set(gone.values()) <= {"ABSENT"}, gone
        for pod in PODS:
            assert home.site(pod).holds(second.id, second.manifest)


async def test_an_item_that_the_hub_does_not_know_is_reported_and_left_alone(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.published("1.0.0")
        await home.quiet()
        store = home.site(SECOND).datastore / "items"
        stranger = "0" * 31 + "7"
        shutil.copytree(store / version.id, store / stranger)
        document = store / stranger / "item.json"
        if document.exists():
            document.chmod(0o600)
            document.write_text(document.read_text().replace(version.id, stranger))
        await home.command(RequestInventory, pod=SECOND)

        async def told() -> bool:
            page = await home.ask(GetPodLibrary(actor=ACTOR, pod=SECOND))
            return {item.version: item.standing for item in page.items} == {version.id: "wanted", stranger: "unknown"}

        await home.record.until(told)
        assert (store / stranger).exists()
        assert home.record.of(to_pods.CopyWithdrawn, pod=SECOND) == []
