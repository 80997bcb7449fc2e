"""What is allowed cannot be bent into something else: replies, consumers and headers that point elsewhere.

The server does not check a reply subject; within one account it would carry anything anywhere.
"""

import json

import pytest

from contracts import codec
from faults.attacks import API
from faults.guarded import SPY, Guarded, Party, leaks, withdraw
from harness.wait import until
from runtime.ids import new_id

TARGETS = [
    "from.pod.pod-2.copy.finalised.c",
    "from.pod.pod-1.copy.finalised.c",
    "event.copy.available.c",
    "to.pod.pod-2.copy.requested.c",
    "intake.jenkins.image.built",
    "progress.pod.pod-2.c",
    "command.catalog.import",
    "_INBOX_gateway.x",
    f"{API}.CONSUMER.MSG.NEXT.TO_PODS.connector-pod-2",
    f"{API}.STREAM.PURGE.FROM_PODS",
]


@pytest.mark.parametrize("client", ["connector-pod-1", "intake-jenkins"])
async def test_the_answer_to_an_event_cannot_be_sent_where_the_asker_may_not_speak(
    server: Guarded, client: str
) -> None:
    spy, party = await server.party(SPY.name), await server.party(client)
    own = "intake.jenkins.image.built" if client.startswith("intake") else "from.pod.pod-1.copy.transferred.c"
    stream = "INTAKE" if client.startswith("intake") else "FROM_PODS"
    leaked = await leaks(spy, own)
    for target in TARGETS:
        before = await server.lasts(spy)
        await party.publish(own, reply=target)
        answer = await party.ask(own)  # stored behind the first, and answered behind it
        assert answer["seq"] == before[stream] + 2
        assert await server.lasts(spy) == {**before, stream: before[stream] + 2}, target
    await spy.settle()
    assert leaked == []


async def test_a_pull_cannot_have_its_messages_delivered_where_the_pod_may_not_speak(server: Guarded) -> None:
    spy, pod, replicator = [await server.party(name) for name in (SPY.name, "connector-pod-1", "replicator")]
    other = await server.party("connector-pod-2")
    await withdraw(replicator, "pod-2", "for-2")
    leaked = await leaks(spy, "to.pod.pod-1.", "_INBOX_replicator.", f"{API}.CONSUMER.")
    for target in TARGETS:
        await withdraw(replicator, "pod-1")
        before = await server.lasts(spy)
        request = json.dumps({"batch": 1, "no_wait": True}).encode()
        assert await pod.publish(f"{API}.CONSUMER.MSG.NEXT.TO_PODS.connector-pod-1", request, reply=target)
        await withdraw(replicator, "pod-1")
        assert await pod.pull("TO_PODS", "connector-pod-1", 1)  # asked for later, so answered later
        assert await server.lasts(spy) == {**before, "TO_PODS": before["TO_PODS"] + 1}, target
    await spy.settle()
    assert leaked == []
    (message,) = await other.pull("TO_PODS", "connector-pod-2", 1)
    assert message.subject == "to.pod.pod-2.copy.withdrawn.for-2"


async def test_an_answer_cannot_acknowledge_another_pods_message(server: Guarded) -> None:
    pod, other, replicator = [await server.party(name) for name in ("connector-pod-1", "connector-pod-2", "replicator")]
    await withdraw(replicator, "pod-2")
    (message,) = await other.pull("TO_PODS", "connector-pod-2", 1)
    assert not await pod.publish("from.pod.pod-1.copy.transferred.c", reply=message.reply)
    info = await other.client.jetstream().consumer_info("TO_PODS", "connector-pod-2")
    assert info.num_ack_pending == 1
    await other.acknowledge(message.reply)


async def test_within_the_hub_an_answer_can_be_misdirected_but_is_never_an_event(server: Guarded) -> None:
    """Why pods have an account of their own: here the same attack stores something under another service's subject."""
    spy, catalog = await server.party(SPY.name), await server.party("catalog")
    assert await catalog.publish("event.image.registered.i", reply="event.copy.available.c")
    await until(lambda: _stored(spy, 2))
    forged = await spy.client.jetstream().get_msg("EVENTS", 2)
    assert forged.subject == "event.copy.available.c"
    assert forged.data is not None
    with pytest.raises(codec.BadBodyError):
        codec.decode(forged.data)


async def _stored(spy: Party, count: int) -> bool:
    return (await spy.client.jetstream().stream_info("EVENTS")).state.messages == count


# --- what a client may do cannot be bent into something else ----------------------------------------------------------


async def test_who_may_make_its_own_consumers_cannot_change_those_of_others_nor_read_other_streams(
    server: Guarded,
) -> None:
    spy = await server.party(SPY.name)
    js = spy.client.jetstream()
    before = {name: (await js.consumer_info("EVENTS", name)).config for name in ("catalog", "sharing", "replicator")}
    gateway, sharing, replicator = [await server.party(name) for name in ("gateway", "sharing", "replicator")]
    evil = {"ack_policy": "explicit", "filter_subject": "event.none", "deliver_policy": "all"}
    for party, subject in (
        (gateway, "CONSUMER.CREATE.EVENTS.gateway-1"),
        (sharing, "CONSUMER.DURABLE.CREATE.EVENTS.sharing"),
        (replicator, "CONSUMER.DURABLE.CREATE.TO_PODS.x"),
    ):
        for stream in ("EVENTS", "FROM_PODS"):
            for names in ({"name": "catalog"}, {"durable_name": "catalog"}, {"name": "catalog", "durable_name": "x"}):
                await party.ask(f"{API}.{subject}", {"stream_name": stream, "config": {**evil, **names}})
    after = {name: (await js.consumer_info("EVENTS", name)).config for name in before}
    assert after["catalog"] == before["catalog"]
    assert after["replicator"] == before["replicator"]
    made = {info.name for info in await js.consumers_info("FROM_PODS")}
    assert made == {"catalog", "replicator"}


@pytest.mark.parametrize("target", ["from.pod.pod-2.copy.finalised.c", "to.pod.pod-1.copy.requested.c", *TARGETS[3:]])
async def test_a_consumer_that_delivers_elsewhere_forges_nothing(server: Guarded, target: str) -> None:
    spy, gateway, catalog = [await server.party(name) for name in (SPY.name, "gateway", "catalog")]
    await catalog.ask("event.image.registered.i")
    before = await server.lasts(spy)
    config = {"name": "gateway-0", "deliver_subject": target, "ack_policy": "none", "deliver_policy": "all"}
    await gateway.ask(f"{API}.CONSUMER.CREATE.EVENTS.gateway-0", {"stream_name": "EVENTS", "config": config})
    await catalog.ask("event.image.registered.j")
    now = await server.lasts(spy)
    assert now == {**before, "EVENTS": before["EVENTS"] + 1}


@pytest.mark.parametrize("header", [{"Nats-Rollup": "all"}, {"Nats-Rollup": "sub"}, {"Nats-TTL": "1s"}])
async def test_a_header_cannot_make_the_stream_forget(server: Guarded, header: dict[str, str]) -> None:
    pod = await server.party("connector-pod-1")
    await pod.ask("from.pod.pod-1.copy.transferred.c")
    answer = await pod.ask("from.pod.pod-1.copy.transferred.c", headers=header)
    assert "error" in answer
    assert (await pod.ask("from.pod.pod-1.copy.transferred.c"))["seq"] == 2


async def test_only_who_knows_an_events_id_could_suppress_it_and_ids_cannot_be_known(server: Guarded) -> None:
    """Deduplication is the stream's, whoever speaks: that is why an id has 62 bits that nobody can guess."""
    pod, other = await server.party("connector-pod-1"), await server.party("connector-pod-2")
    known = {"Nats-Msg-Id": new_id()}
    await pod.ask("from.pod.pod-1.copy.transferred.c", headers=known)
    assert (await other.ask("from.pod.pod-2.copy.transferred.c", headers=known)).get("duplicate")
    randoms = [int(new_id()[16:], 16) & (2**62 - 1) for _ in range(1000)]
    assert len(set(randoms)) == 1000
    assert all(any(number >> bit & 1 for number in randoms) for bit in range(62))
    assert not all(number >> bit & 1 for number in randoms for bit in range(62))
