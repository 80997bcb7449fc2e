"""A pod, or a hub, that comes back as it was some time ago: what is asked from then on happens all the same."""

import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bus import bus
from pods import Hub, Pod
from test_agent import Site, settings

from connector.agent import connector
from contracts.events import from_pods, to_pods
from contracts.inventory import SECTIONS

CONTENT = os.urandom(400_000)
DATA, LIBRARY = "data-pod-2", "pod-2"


@pytest.mark.parametrize("old", [(DATA,), (LIBRARY,), (DATA, LIBRARY)], ids=["data", "library", "both"])
@pytest.mark.parametrize("withdrawn", [False, True], ids=["held since", "withdrawn since"])
async def test_a_pod_restored_from_an_old_disk_does_what_it_is_asked(
    old: tuple[str, ...], withdrawn: bool, nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1", "pod-2") as said:
        site = Site(said, tmp_path)

        @asynccontextmanager
        async def two():  # type: ignore[no-untyped-def]
            async with connector(settings(nats_url, Pod("pod-2", tmp_path / "pod-2", hub), tmp_path)):
                yield

        async with connector(settings(nats_url, site.one, tmp_path)):
            holder = await said.address("pod-1")
            version, manifest = await site.imported(site.one.file("disk", CONTENT))
            async with two():
                copy = await said.copy("pod-2", version, manifest, holder, attempt=1)
                await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=1)
            for name in old:
                shutil.copytree(tmp_path / name, tmp_path / f"old-{name}", symlinks=True)
            async with two():
                await said.say(to_pods.CopyWithdrawn(pod="pod-2", copy=copy, version=version, attempt=1))
                await said.expect(from_pods.CopyDropped, "pod-2", copy=copy, attempt=1)
                if not withdrawn:
                    await said.copy("pod-2", version, manifest, holder, attempt=2)
                    await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=2)
            for name in old:
                shutil.rmtree(tmp_path / name)
                (tmp_path / f"old-{name}").rename(tmp_path / name)
            said.heard.clear()
            async with two():
                here = not withdrawn or LIBRARY in old
                await said.say(to_pods.InventoryRequested(pod="pod-2", root=""))
                page = await said.expect(from_pods.InventoryReported, "pod-2")
                while len(page.changed) != SECTIONS:
                    page = await said.expect(from_pods.InventoryReported, "pod-2")
                assert [item.copies for item in page.items] == ([(copy,)] if here else [])
                await said.copy("pod-2", version, manifest, holder, attempt=3)
                made = await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=3)
                assert (made.bytes_network == 0) is here
                await said.say(to_pods.CopyWithdrawn(pod="pod-2", copy=copy, version=version, attempt=3))
                await said.expect(from_pods.CopyDropped, "pod-2", copy=copy, attempt=3)
            assert site.two.backend.held(version) == []
            assert site.two.leftovers() == []


async def test_a_hub_restored_from_an_old_database_is_obeyed_at_its_old_attempts(
    nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1", "pod-2") as said:
        site = Site(said, tmp_path)
        async with (
            connector(settings(nats_url, site.one, tmp_path)),
            connector(settings(nats_url, site.two, tmp_path)),
        ):
            holder = await said.address("pod-1")
            version, manifest = await site.imported(site.one.file("disk", CONTENT))
            copy = await said.copy("pod-2", version, manifest, holder, attempt=7)
            await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=7)
            await said.say(to_pods.CopyWithdrawn(pod="pod-2", copy=copy, version=version, attempt=7))
            await said.expect(from_pods.CopyDropped, "pod-2", copy=copy, attempt=7)
            await said.copy("pod-2", version, manifest, holder, attempt=2)
            made = await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=2)
            assert made.bytes_from == {"pod-1": made.bytes_network}
            await said.say(to_pods.CopyWithdrawn(pod="pod-2", copy=copy, version=version, attempt=2))
            await said.expect(from_pods.CopyDropped, "pod-2", copy=copy, attempt=2)
            assert site.two.backend.held(version) == []


async def test_an_item_that_vanished_behind_its_back_is_missed_and_made_again(
    nats_url: str, hub: Hub, tmp_path: Path
) -> None:
    async with bus(nats_url, hub, "pod-1", "pod-2") as said:
        site = Site(said, tmp_path)
        async with (
            connector(settings(nats_url, site.one, tmp_path)),
            connector(settings(nats_url, site.two, tmp_path)),
        ):
            holder = await said.address("pod-1")
            version, manifest = await site.imported(site.one.file("disk", CONTENT))
            copy = await said.copy("pod-2", version, manifest, holder)
            await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy)
            shutil.rmtree(tmp_path / "pod-2/datastores/main/items" / version)
            await said.say(to_pods.InventoryRequested(pod="pod-2", root=""))
            page = await said.expect(from_pods.InventoryReported, "pod-2")
            while page.items or len(page.changed) != SECTIONS:
                page = await said.expect(from_pods.InventoryReported, "pod-2")
            await said.copy("pod-2", version, manifest, holder, attempt=2)
            made = await said.expect(from_pods.CopyFinalised, "pod-2", copy=copy, attempt=2)
            assert made.bytes_network >= len(CONTENT)
            assert site.two.disk(site.two.backend.find(version)).read_bytes() == CONTENT
