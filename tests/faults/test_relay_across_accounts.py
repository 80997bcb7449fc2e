"""A connector's relay and consumer with the pod's own login: batches cross the border between the accounts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contracts.errors import Failure
from contracts.events import Speaker
from contracts.events.from_pods import CopyRejected
from contracts.events.to_pods import CopyWithdrawn
from contracts.topology import durables
from faults.guarded import SPY, guarded, withdraw
from harness.wait import until
from runtime import relay as relaying
from runtime.ids import new_id
from runtime.service import Definition, service
from runtime.topology import ensure_durable
from runtime.work import Get, Message, Reaction, Ref, Work


def _keys(_: Message[Any], __: Get) -> Iterable[Ref]:
    return ()


def _answer(message: Message[CopyWithdrawn], work: Work) -> None:
    asked = message.body
    failure = Failure(code="internal", step="test", text="asked to")
    work.emit(CopyRejected(copy=asked.copy, version=asked.version, attempt=asked.attempt, failure=failure))


CONNECTOR = Definition(
    name=Speaker.CONNECTOR, reactions={CopyWithdrawn: Reaction(_keys, _answer)}, local=None, pod="pod-1"
)


async def test_many_rows_of_a_connector_are_one_batch_in_their_order(tmp_path: Path) -> None:
    commits: list[int] = []

    async def receive(message: Any) -> None:
        if message.headers and message.headers.get("Nats-Batch-Commit"):
            commits.append(int(message.headers["Nats-Batch-Sequence"]))

    async with guarded(tmp_path / "guarded") as server:
        spy, replicator = await server.party(SPY.name), await server.party("replicator")
        asked = [new_id() for _ in range(200)]
        for copy in asked:
            await withdraw(replicator, "pod-1", copy)
        await spy.client.subscribe("from.pod.pod-1.copy.rejected.*", cb=receive)
        await spy.settle()
        settings = server.settings("connector-pod-1", tmp_path / "c")
        async with service(CONNECTOR, settings) as running:
            await until(lambda: _count(spy, "FROM_PODS", 200))
            await until(lambda: _acknowledged(spy))
            assert running.health.reasons() == ()
        js = spy.client.jetstream()
        said = [(await js.get_msg("FROM_PODS", sequence)).subject for sequence in range(1, 201)]
    assert said == [f"from.pod.pod-1.copy.rejected.{copy}" for copy in asked]
    assert sum(commits) >= relaying.SINGLY, "at least one batch was committed"


async def test_a_connector_whose_durable_is_lost_says_so_and_goes_on_when_the_replicator_makes_it_again(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path / "guarded") as server:
        spy, replicator = await server.party(SPY.name), await server.party("replicator")
        async with service(CONNECTOR, server.settings("connector-pod-1", tmp_path / "c")) as running:
            await withdraw(replicator, "pod-1", new_id())
            await until(lambda: _count(spy, "FROM_PODS", 1))
            await spy.client.jetstream().delete_consumer("TO_PODS", "connector-pod-1")
            await until(lambda: "the durable is not there" in " ".join(running.health.reasons()))
            (durable,) = durables(Speaker.CONNECTOR, "pod-1")
            await ensure_durable(replicator.client.jetstream(), durable)
            await withdraw(replicator, "pod-1", new_id())
            await until(lambda: _count(spy, "FROM_PODS", 2))
            await until(lambda: not running.health.reasons())


async def _count(spy: Any, stream: str, count: int) -> bool:
    state = (await spy.client.jetstream().stream_info(stream)).state
    assert state.messages <= count
    return bool(state.messages == count)


async def _acknowledged(spy: Any) -> bool:
    info = await spy.client.jetstream().consumer_info("TO_PODS", "connector-pod-1")
    return (info.num_pending, info.num_ack_pending) == (0, 0)
