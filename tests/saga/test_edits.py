"""Changing what is wanted of a published version: targets come and go, replicas more or fewer, no edit is lost."""

import asyncio
from pathlib import Path

from contracts.errors import Problem
from contracts.events import from_pods, hub, to_pods
from contracts.manifest import CHUNK
from contracts.requests import EditPlacement, PausePlacement, RemoveCopy, RepairCopy
from contracts.terms import Override, Terms
from harness.house import House, house
from saga.disks import raw

FIRST, SECOND, THIRD = PODS = ("pod-1", "pod-2", "pod-3")


async def states(home: House, version: str) -> dict[str, str]:
    """The state of the copy on each pod that has one, or is to have one."""
    return {pod: copy.state for pod, copy in (await home.copies(version)).items() if copy.state != "ABSENT"}


async def test_targets_are_added_and_removed_and_a_stale_edit_changes_nothing(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        _, version = await home.published("1.0.0", pods=(FIRST, SECOND))
        await home.quiet()
        before = await home.placement(version.id)
        assert (before.state, before.pods, before.wanted) == ("SETTLED", (FIRST, SECOND), 2)

        edits = (
            home.command(EditPlacement, version=version.id, add=(THIRD,), revision=before.revision),
            home.command(EditPlacement, version=version.id, remove=(SECOND,), revision=before.revision),
        )
        answers = await asyncio.gather(*edits)
        (refused,) = [answer for answer in answers if isinstance(answer, Problem)]
        (taken,) = [answer for answer in answers if not isinstance(answer, Problem)]
        assert (refused.code, refused.status) == ("revision_mismatch", 412)
        assert taken.revision > before.revision
        for edit in ({"add": (THIRD,)}, {"remove": (SECOND,)}):
            assert not isinstance(await home.command(EditPlacement, version=version.id, **edit), Problem)

        await home.record.expect(hub.CopyAvailable, version=version.id, pod=THIRD)
        await home.record.expect(hub.CopyRemoved, version=version.id, pod=SECOND)
        await home.quiet()
        assert await states(home, version.id) == {FIRST: "AVAILABLE", THIRD: "AVAILABLE"}
        assert home.site(SECOND).items() == home.site(SECOND).staging() == []
        assert home.site(THIRD).holds(version.id, version.manifest)
        after = await home.version("1.0.0")
        assert (after.state, after.copies.wanted, after.copies.available) == ("AVAILABLE", 2, 2)
        assert [one.event.pod for one in home.record.of(hub.CopyAvailable, version=version.id, pod=FIRST)] == [FIRST]


async def test_replicas_of_a_pod_lie_on_datastores_of_their_own_and_the_surplus_goes(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=0) as home:
        for name in ("fast", "slow"):
            (home.site(THIRD).root / "datastores" / name).mkdir()
        await home.start(*PODS)
        home.site(FIRST).vm("golden", raw(20))
        version = await home.imported()
        terms = Terms(overrides={THIRD: Override(replicas=3)})
        _, version = await home.published("1.0.0", terms=terms)
        assert (version.state, version.copies.wanted, version.copies.available) == ("AVAILABLE", 5, 5)
        await home.quiet()
        found = await home.replicas(version.id)
        assert {found[THIRD, replica].datastore for replica in range(3)} == {"default", "fast", "slow"}
        moved = sum(found[THIRD, replica].bytes_network for replica in range(3))
        assert 19 * CHUNK < moved < 22 * CHUNK, "the pod fetches the version once"
        for store in ("default", "fast", "slow"):
            assert (home.site(THIRD).root / "datastores" / store / "items" / version.id).is_dir()

        lowered = await home.command(EditPlacement, version=version.id, overrides={THIRD: Override(replicas=1)})
        assert not isinstance(lowered, Problem), lowered
        await home.record.until(lambda: len(home.record.of(hub.CopyRemoved, version=version.id, pod=THIRD)) == 2)
        await home.quiet()
        assert home.site(THIRD).holds(version.id, version.manifest)
        left = await home.replicas(version.id)
        assert left[THIRD, 0].state == "AVAILABLE"
        view = await home.version("1.0.0")
        assert (view.state, view.copies.wanted, view.copies.available) == ("AVAILABLE", 3, 3)


async def test_one_copy_is_removed_and_one_is_repaired_without_touching_the_others(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        home.site(THIRD).datastore.rename(tmp_path / "elsewhere")
        _, version = await home.published("1.0.0")
        assert version.state == "PARTIALLY_AVAILABLE"
        (tmp_path / "elsewhere").rename(home.site(THIRD).datastore)
        await home.command(RepairCopy, version=version.id, pod=THIRD)
        await home.record.expect(hub.CopyAvailable, version=version.id, pod=THIRD)
        await home.record.until(lambda: home.record.of(hub.VersionAvailable, version=version.id))
        assert home.site(THIRD).holds(version.id, version.manifest)

        again = await home.command(RepairCopy, version=version.id, pod=THIRD)
        assert isinstance(again, Problem)
        assert again.code == "copy_state"
        await home.command(RemoveCopy, version=version.id, pod=SECOND)
        await home.record.expect(hub.CopyRemoved, version=version.id, pod=SECOND)
        await home.quiet()
        assert home.site(SECOND).items() == []
        asked = [one.pod for one in home.record.of(to_pods.CopyRequested, version=version.id)]
        assert sorted(asked) == [FIRST, SECOND, THIRD, THIRD]
        view = await home.version("1.0.0")
        assert (view.state, view.copies.wanted, view.copies.available) == ("AVAILABLE", 2, 2)


async def test_a_paused_placement_starts_nothing_and_goes_on_where_it_stood(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, more={THIRD: {"report_interval": 0.5}}) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.stop(THIRD)
        await home.record.expect(hub.PodDisconnected, pod=THIRD)
        accepted = await home.publish("1.0.0")
        await home.record.expect(hub.CopyAvailable, version=version.id, pod=SECOND)
        paused = await home.command(PausePlacement, version=version.id)
        assert paused.state == "PAUSED"
        await home.start(THIRD)
        await home.quiet()
        copy = (await home.copies(version.id))[THIRD]
        assert (copy.state, copy.reason) == ("PENDING", "paused")
        assert home.record.of(to_pods.CopyRequested, version=version.id, pod=THIRD) == []

        await home.command(PausePlacement, version=version.id, resume=True)
        assert (await home.job(accepted)).state == "SUCCESS"
        assert home.site(THIRD).holds(version.id, version.manifest)


async def test_a_version_excluded_from_latest_on_a_pod_is_never_latest_there(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(4))
        await home.imported()
        await home.published("1.0.0")
        second = await home.imported()
        terms = Terms(overrides={SECOND: Override(exclude_from_latest=True)})
        await home.published(second.number, terms=terms)
        latest = {pod: (await home.version("latest", pod=pod)).number for pod in PODS}
        assert latest == {FIRST: second.number, SECOND: "1.0.0", THIRD: second.number}
        await home.command(EditPlacement, version=second.id, overrides={SECOND: None})
        await home.quiet()
        assert (await home.version("latest", pod=SECOND)).number == second.number

        third = await home.imported()
        await home.published(third.number, terms=Terms(exclude_from_latest=True))
        assert (await home.version("latest")).number == second.number
        assert (await home.version(third.number)).exclude_from_latest


async def test_a_shallow_publish_moves_no_byte_and_skips_all_but_the_source(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(SECOND).vm("golden", raw(8))
        version = await home.imported(pod=SECOND)
        _, version = await home.published("1.0.0", terms=Terms(mode="shallow"))
        assert (version.state, version.mode) == ("AVAILABLE", "shallow")
        copies = await home.copies(version.id)
        assert {pod: copy.state for pod, copy in copies.items()} == {
            FIRST: "SKIPPED", SECOND: "AVAILABLE", THIRD: "SKIPPED",
        }  # fmt: skip
        assert copies[FIRST].reason.startswith("shallow")
        assert copies[SECOND].bytes_network == 0
        assert home.record.of(from_pods.CopyFinalised, pod=FIRST) == []
