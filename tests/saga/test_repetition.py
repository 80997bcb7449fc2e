"""What is said again, by accident or on purpose, and what is said by somebody who has no say in it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts import codec, topology
from contracts.errors import Failure
from contracts.events import Event, from_pods, hub
from harness.house import House, house
from harness.record import Said
from runtime.ids import new_id
from saga.disks import raw

FIRST, SECOND, THIRD = PODS = ("pod-1", "pod-2", "pod-3")
HEARD = ("pod", "inventory", "ledger", "entries")
"""Kinds of documents that pods' reports change all the time."""


async def story(home: House) -> list[str]:
    """Two imports (a clone and a convert), a failed one, two publishes; the versions that came of it."""
    home.site(FIRST).vm("golden", raw(6), raw(3, seed=2))
    home.site(SECOND).vm("spent", raw(4, seed=3))
    first = await home.imported()
    second = await home.imported(pod=SECOND, name="spent", mode="convert")
    await home.job(await home.import_(name="nobody"))
    for number in (first.number, second.number):
        _, version = await home.published(number)
        assert version.state == "AVAILABLE"
    await home.quiet()
    return sorted([first.id, second.id])


async def everything(home: House) -> Any:
    """All state of the house that heartbeats leave alone, and every file of its pods."""
    documents = {name: await home.documents(name, but=HEARD) for name in home.running}
    jobs = await home.running["catalog"].reader.rows("SELECT saga, count(*) FROM timeline GROUP BY saga ORDER BY saga")
    return documents, jobs, {pod: site.files() for pod, site in home.sites.items()}


async def repeat(home: House, said: list[Said], *, fresh: bool) -> None:
    """Have the streams store messages again: without Nats-Msg-Id, as after its window; perhaps under a new ce-id."""
    for one in said:
        headers = {name: value for name, value in one.headers.items() if name != "Nats-Msg-Id"}
        if fresh:
            headers["ce-id"] = new_id()
        await home.client.jetstream().publish(one.subject, one.data, headers=headers)
    await home.quiet()


async def test_every_message_stored_three_times_more_changes_nothing(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        versions = await story(home)
        said, before = home.record.beatless, await everything(home)
        for _ in range(3):
            await repeat(home, said, fresh=False)
        assert await everything(home) == before
        assert len(home.record.beatless) == 4 * len(said)  # nobody had anything to add
        for pod in PODS:
            assert home.site(pod).items() == versions, pod
            assert home.site(pod).staging() == [], pod


async def test_every_fact_told_again_under_another_id_leaves_the_same_versions_and_copies(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        versions = await story(home)
        said = home.record.beatless
        before = await outcome(home)
        await repeat(home, said, fresh=True)
        await repeat(home, list(reversed(said)), fresh=True)
        assert await outcome(home) == before
        for pod in PODS:
            assert home.site(pod).items() == versions, pod
            assert home.site(pod).staging() == home.site(pod).locks() == [], pod


async def outcome(home: House) -> Any:
    """What people see: versions, copies, and the files of the pods."""
    versions = {number: await home.version(number) for number in ("1.0.0", "1.1.0", "1.2.0")}
    copies = {number: await home.copies(version.id) for number, version in versions.items()}
    seen = {
        (number, pod): (copy.state, copy.attempt, copy.digest)
        for number, pods in copies.items()
        for pod, copy in pods.items()
    }
    files = {pod: site.files() for pod, site in home.sites.items()}
    return {number: (version.id, version.state) for number, version in versions.items()}, seen, files


async def test_a_pod_cannot_speak_for_another(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await home.stop(THIRD)  # the hub takes it for connected: its copy is REPLICATING
        accepted = await home.publish("1.0.0")
        for pod in (FIRST, SECOND):
            await home.record.expect(hub.CopyAvailable, version=version.id, pod=pod)
        (honest,) = home.record.of(from_pods.CopyFinalised, pod=SECOND, version=version.id)
        copy = f"{version.id}_{THIRD}_0"
        lie = Failure(code="io_error", step="copy", text="a lie")
        for attempt in (0, 1, 2):
            await say(home, SECOND, msgspec.structs.replace(honest.event, copy=copy, attempt=attempt))
            await say(home, SECOND, from_pods.CopyRejected(copy=copy, version=version.id, attempt=attempt, failure=lie))
        await say(home, SECOND, from_pods.SourceRejected(version=version.id, attempt=1, failure=lie))
        await say(home, SECOND, from_pods.SourceDeleted(version=version.id))
        await home.quiet()
        assert home.record.of(hub.CopyAvailable, copy=copy) == []
        assert home.record.of(hub.CopyDelayed, hub.CopyFailed, copy=copy) == []
        assert (await home.copies(version.id))[THIRD].state == "REPLICATING"
        assert (await home.version("1.0.0")).state == "REPLICATING"
        await home.start(THIRD)
        assert (await home.job(accepted)).state == "SUCCESS"
        assert home.site(THIRD).holds(version.id, version.manifest)


OTHER_BYTES: list[dict[str, Any]] = [{"digest": "0" * 64}, {"files": ()}]
OTHER_COPY: list[dict[str, Any]] = [{"attempt": 7}, {"attempt": 0}, {"version": "0" * 32}]


@pytest.mark.parametrize(
    ("changes", "state"),
    [(OTHER_COPY, "REPLICATING"), (OTHER_BYTES[:1], "RETRY_PENDING"), (OTHER_BYTES[1:], "RETRY_PENDING")],
    ids=["another copy", "another content", "no files"],
)
async def test_a_pods_word_about_its_own_copy_counts_only_if_it_is_what_was_asked_for(
    nats_url: str, tmp_path: Path, changes: list[dict[str, Any]], state: str
) -> None:
    async with house(nats_url, tmp_path, more={"replicator": {"retry_backoff": "600"}}) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await home.stop(THIRD)
        await home.publish("1.0.0")
        await home.record.expect(hub.CopyAvailable, version=version.id, pod=SECOND)
        (honest,) = home.record.of(from_pods.CopyFinalised, pod=SECOND, version=version.id)
        words = msgspec.structs.replace(honest.event, copy=f"{version.id}_{THIRD}_0")
        for change in changes:
            await say(home, THIRD, msgspec.structs.replace(words, **change))
        await home.quiet()
        assert (await home.copies(version.id))[THIRD].state == state
        assert (await home.version("1.0.0")).state == "REPLICATING"


async def say(home: House, pod: str, event: Event) -> None:
    """Publish as the connector of ``pod`` would."""
    headers = {"Nats-Msg-Id": new_id(), "ce-id": new_id()}
    await home.client.jetstream().publish(topology.subject(event, pod=pod), codec.encode(event), headers=headers)
