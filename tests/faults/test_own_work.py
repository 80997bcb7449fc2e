"""What each client must be able to do with its own login, and no other."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Any

import nats

from contracts import codec
from contracts.events.from_pods import PodAnnounced
from contracts.permissions import READERS
from faults.guarded import SPY, Guarded, Party, withdraw
from gateway import live
from harness.wait import until
from runtime.connection import Refusals, connect
from runtime.ids import new_id
from runtime.ordered import Ordered, Stored


async def test_a_pod_takes_its_messages_answers_them_and_is_heard(server: Guarded) -> None:
    pod, replicator, gateway = [await server.party(name) for name in ("connector-pod-1", "replicator", "gateway")]
    progress: asyncio.Queue[Any] = asyncio.Queue()
    await gateway.client.subscribe("progress.pod.*.*", cb=progress.put)
    await gateway.settle()
    await withdraw(replicator, "pod-1", "mine")
    await withdraw(replicator, "pod-10", "not-mine")
    (message,) = await pod.pull("TO_PODS", "connector-pod-1", 1)
    assert message.subject == "to.pod.pod-1.copy.withdrawn.mine"
    assert await pod.publish(message.reply, b"+WPI")
    await pod.acknowledge(message.reply)
    info = await pod.client.jetstream().consumer_info("TO_PODS", "connector-pod-1")
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
    assert (await pod.ask("from.pod.pod-1.copy.transferred.c"))["stream"] == "FROM_PODS"
    assert await pod.publish("progress.pod.pod-1.c", b"{}")
    async with asyncio.timeout(5):
        assert (await progress.get()).subject == "progress.pod.pod-1.c"
    assert pod.refused == []


async def test_what_a_pod_says_is_stored_as_it_said_it(server: Guarded) -> None:
    """Crossing into the hub's account adds nothing that the hub had to understand or others could learn."""
    spy, pod = await server.party(SPY.name), await server.party("connector-pod-1")
    headers = codec.headers(PodAnnounced, id=new_id(), at=datetime.now(UTC), speaker="c", saga="0" * 32, cause="")
    await pod.ask("from.pod.pod-1.pod.announced.pod-1", {"a": 1}, headers)
    stored = await spy.client.jetstream().get_msg("FROM_PODS", 1)
    assert (stored.subject, stored.data, stored.headers) == (
        "from.pod.pod-1.pod.announced.pod-1",
        b'{"a": 1}',
        headers,
    )


async def test_another_system_says_that_an_image_was_built_and_the_catalog_hears_it(server: Guarded) -> None:
    jenkins, catalog = await server.party("intake-jenkins"), await server.party("catalog")
    assert (await jenkins.ask("intake.jenkins.image.built"))["stream"] == "INTAKE"
    (message,) = await catalog.pull("INTAKE", "catalog", 1)
    await catalog.acknowledge(message.reply)


async def test_the_door_reads_events_in_order_and_makes_its_consumer_again_when_it_is_lost(server: Guarded) -> None:
    gateway, catalog, spy = [await server.party(name) for name in ("gateway", "catalog", SPY.name)]
    heard: list[int] = []

    async def handle(stored: Stored) -> None:
        heard.append(stored.sequence)

    names = deque(["gateway-0", "gateway-1"])
    async with Ordered(gateway.client, "EVENTS", handle, after=0, heartbeat=0.1, names=names) as reader:
        await until(lambda: reader.live)
        await catalog.ask("event.image.registered.i")
        await until(lambda: heard == [1])
        await spy.client.jetstream().delete_consumer("EVENTS", "gateway-0")
        await catalog.ask("event.image.registered.j")
        await until(lambda: heard == [1, 2])
        async with Ordered(gateway.client, "EVENTS", handle, after=1, heartbeat=0.1, names=names):
            await until(lambda: heard == [1, 2, 2])
    assert list(names) == ["gateway-1", "gateway-0"]
    assert gateway.refused == []


def test_the_door_has_a_consumers_name_for_each_of_its_readers() -> None:
    assert live.REPLAYS + 1 <= READERS


async def test_a_pod_more_is_let_in_while_the_server_runs_and_one_less_is_cut_off(server: Guarded) -> None:
    first, second = await server.party("connector-pod-1"), await server.party("connector-pod-2")
    server.reload(("pod-1", "pod-3"))
    third: list[Party] = []

    async def let_in() -> bool:
        try:
            client = await nats.connect(
                server.server.url,
                user="connector-pod-3",
                password=(server.keys / "connector-pod-3" / "nats-password").read_text().strip(),
                inbox_prefix="_INBOX_connector-pod-3",
                allow_reconnect=False,
            )
        except (nats.errors.Error, OSError):  # a server that refuses may close before the client has said all
            return False
        third.append(Party(client, []))
        return True

    await until(let_in)
    assert (await third[0].ask("from.pod.pod-3.pod.announced.pod-3"))["stream"] == "FROM_PODS"
    await third[0].client.close()
    await until(lambda: not second.client.is_connected)
    assert (await first.ask("from.pod.pod-1.pod.announced.pod-1"))["stream"] == "FROM_PODS"
    assert first.client.stats["reconnects"] == 0


async def test_what_the_server_refuses_is_noticed_by_the_one_who_tried(server: Guarded) -> None:
    refusals = Refusals()
    async with connect(server.settings("connector-pod-1"), "connector-pod-1", refusals) as client:
        party = Party(client, [])
        party = Party(client, [])
        assert refusals.reason == ""
        await client.publish("from.pod.pod-2.copy.finalised.c", b"{}")
        await party.settle()
        assert refusals.reason == "NATS refuses the publish to from.pod.pod-2.copy.finalised.c"
        await client.subscribe("to.pod.>")
        await party.settle()
        assert refusals.reason == "NATS refuses the subscription to to.pod.>"
        await client.publish(
            "from.pod.pod-1.copy.finalised.c", b"{}", reply="$JS.ACK.TO_PODS.connector-pod-2.1.1.1.1.0"
        )
        await party.settle()
        assert refusals.reason == "NATS refuses the reply to $js.ack.to_pods.connector-pod-2.1.1.1.1.0"
