"""What FastStream and JetStream get wrong when left alone (nats.md), each shown not to happen here."""

import asyncio
import json
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from contracts import codec, topology
from contracts.events import Speaker, hub
from contracts.topology import Durable, durables
from harness.nats import NatsServer
from harness.toy import NOTED, Ring, Toy, heard, outsider, registered, say, settings
from harness.wait import until
from runtime import consumer as consuming
from runtime import deadlines as deadlines_
from runtime.consumer import Consumer
from runtime.ids import new_id
from runtime.processor import Processor
from runtime.service import service, task
from runtime.store import Outcome, Sent, Store
from runtime.topology import apply, differences, hub_durables
from runtime.work import Batch, Message, Reaction


async def test_p2_a_durable_deleted_under_a_service_is_noticed_said_and_made_again(
    nats_url: str, tmp_path: Path
) -> None:
    toy, before, after = Toy(), registered("before"), registered("after")
    async with (
        outsider(nats_url) as client,
        service(toy.definition(), settings(nats_url, tmp_path / "s")) as running,
    ):
        await say(client, before)
        await heard(client, "event.share.offered.*", 1)
        await client.jetstream().delete_consumer("EVENTS", "sharing")
        await until(lambda: running.health.reasons())
        await say(client, after)
        await heard(client, "event.share.offered.*", 2)
        info = await client.jetstream().consumer_info("EVENTS", "sharing")
        assert set(info.config.filter_subjects or []) == set(durables(Speaker.SHARING)[0].filters)
        await until(lambda: not running.health.reasons())
    assert toy.seen == [before.image, after.image], "the replay of the stream (P3) met the seen rows"


async def test_p2_a_service_that_may_not_make_its_durable_waits_without_flooding_the_server(
    nats_url: str, tmp_path: Path
) -> None:
    async with outsider(nats_url) as client, Store.open(tmp_path / "s.sqlite") as store:
        processor = Processor(store, {})
        absent = Durable("connector-pod-9", "TO_PODS", ("to.pod.pod-9.>",))
        waiting = Consumer(client, absent, processor, recreate=False)
        pulls: list[Any] = []
        await client.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=_collect(pulls))
        await waiting.start()
        async with task(waiting.guard(), "guard"):
            await until(lambda: "not there" in waiting.reason)
            await asyncio.sleep(1.0)
        assert len(pulls) <= 4


def _collect(into: list[Any]) -> Any:
    async def receive(message: Any) -> None:
        into.append(message)

    return receive


async def test_p4_starting_a_service_leaves_the_streams_as_they_are(nats_url: str, tmp_path: Path) -> None:
    async with outsider(nats_url) as client:
        js = client.jetstream()
        config = (await js.stream_info("EVENTS")).config.evolve(description="ours", max_bytes=10_000_000)
        await js.update_stream(config)
        before = (await js.stream_info("EVENTS")).config
        async with service(Toy().definition(), settings(nats_url, tmp_path / "s")):
            await say(client, registered())
            await heard(client, "event.share.offered.*", 1)
        assert (await js.stream_info("EVENTS")).config == before


async def test_p4_applying_the_topology_shows_every_difference_and_mends_it(nats_url: str) -> None:
    async with outsider(nats_url) as client:
        js = client.jetstream()
        assert await apply(client, dry_run=True) == []
        await js.update_stream((await js.stream_info("INTAKE")).config.evolve(max_bytes=1_000_000))
        shown = await apply(client, dry_run=True)
        assert shown == ["stream INTAKE: max_bytes is 1000000, to become 67108864"]
        assert await apply(client) == shown
        assert await differences(js, hub_durables()) == []


async def test_p5_a_durable_that_drifted_is_shown_and_mended(nats_url: str) -> None:
    async with outsider(nats_url) as client:
        js = client.jetstream()
        await js.add_consumer(
            "EVENTS",
            ConsumerConfig(
                durable_name="sharing", ack_policy="explicit", ack_wait=1, max_deliver=3, filter_subject="event.pod.>"
            ),  # type: ignore[arg-type]
        )
        shown = await apply(client, dry_run=True)
        assert {line.split(": ")[1].split(" is ")[0] for line in shown} >= {
            "filter_subjects",
            "ack_wait",
            "max_deliver",
        }
        await apply(client)
        assert await apply(client, dry_run=True) == []


async def test_p6_a_locked_database_loses_no_event(nats_url: str, tmp_path: Path) -> None:
    toy, event = Toy(), registered()
    async with (
        outsider(nats_url) as client,
        service(toy.definition(), settings(nats_url, tmp_path / "s")) as running,
    ):
        commits = running.store.commit
        failures = 3

        async def failing(batch: Batch, outcome: Outcome) -> Any:
            nonlocal failures
            if batch.emitted and failures > 0:
                failures -= 1
                raise OSError("database is locked")
            return await commits(batch, outcome)

        running.store.commit = failing  # type: ignore[method-assign]
        await say(client, event)
        await heard(client, "event.share.offered.*", 1)
        noted = await running.reader.get(NOTED, event.image)
    assert failures == 0
    assert noted is not None
    assert noted.times == 1


async def test_what_the_relay_knows_is_kept_by_the_next_commit_when_one_fails(nats_url: str, tmp_path: Path) -> None:
    toy = Toy()
    async with (
        outsider(nats_url) as client,
        service(toy.definition(), settings(nats_url, tmp_path / "s")) as running,
    ):
        commits, carried = running.store.commit, list[Sent | None]()
        await say(client, registered("first"))
        await heard(client, "event.share.offered.*", 1)

        async def failing(batch: Batch, outcome: Outcome) -> Any:
            carried.append(outcome.sent)
            if len(carried) == 1:
                raise OSError("database is locked")
            return await commits(batch, outcome)

        await until(lambda: running.processor.sent() is not None)
        running.store.commit = failing  # type: ignore[method-assign]
        await say(client, registered("second"))
        await heard(client, "event.share.offered.*", 2)
    assert carried[0] is not None
    assert carried[1] == carried[0]


async def test_p7_a_failing_message_waits_longer_each_time_and_ends_as_a_dead_letter(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "BACKOFF", (0.01, 0.02, 0.04, 0.08))
    monkeypatch.setattr(consuming, "MAX_DELIVERIES", 4)
    toy, poison, good = Toy(fail={"poison": 99}), registered("poison"), registered("good")
    words: list[Any] = []
    async with outsider(nats_url) as client, service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
        await client.subscribe("$JS.ACK.>", cb=_collect(words))
        await say(client, poison)
        await say(client, good)
        rows = await until(lambda: running.reader.rows("SELECT kind, deliveries FROM dead_letters"))
        info = await client.jetstream().consumer_info("EVENTS", "sharing")
        await client.flush()
        delays = [json.loads(word.data[5:])["delay"] for word in words if word.data.startswith(b"-NAK")]
    assert rows == [("handler", 5)]
    assert delays == [10_000_000, 20_000_000, 40_000_000, 80_000_000]
    assert toy.seen.count(poison.image) == 4
    assert good.image in toy.seen
    assert info.num_pending == 0


async def test_p8_what_waits_longer_than_ack_wait_is_delivered_once(nats_url: str, tmp_path: Path) -> None:
    slow = Durable("sharing", "EVENTS", ("event.image.registered.*",), ack_wait=1.0)
    async with outsider(nats_url) as client, Store.open(tmp_path / "s.sqlite") as store:
        js = client.jetstream()
        await js.delete_consumer("EVENTS", "sharing")
        toy = Toy()
        processor = Processor(store, toy.definition().reactions)  # not running yet: what comes has to wait
        consumer = Consumer(client, slow, processor, recreate=True)
        events = [registered() for _ in range(16)]
        for event in events:
            await say(client, event)
        deliveries: list[Any] = []
        offered = processor.offer

        def offer(item: Any) -> None:
            deliveries.append(item.message.id)
            offered(item)

        processor.offer = offer  # type: ignore[method-assign]
        await consumer.start()
        async with task(consumer.guard(), "guard"), task(consumer.answer(), "answer"):
            await until(lambda: len(deliveries) >= 16)
            await asyncio.sleep(2.5)  # longer than ack_wait
            async with task(processor.run(), "processor"):

                async def acknowledged() -> bool:
                    return (await js.consumer_info("EVENTS", "sharing")).num_ack_pending == 0

                await until(acknowledged)
        assert len(deliveries) == 16
        assert sorted(toy.seen) == sorted(event.image for event in events)


async def test_p10_events_committed_while_the_server_crashes_are_all_said(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    toy = Toy()
    async with (
        outsider(nats_server.url) as client,
        service(toy.definition(), settings(nats_server.url, tmp_path / "s")) as running,
    ):
        events = [registered() for _ in range(200)]
        for number, event in enumerate(events):
            if number in (60, 120):
                nats_server.kill()
            message = Message(new_id(), "catalog", datetime.now(UTC), "c" * 32, event)
            await running.processor.ask(message)
            if number in (80, 140):
                nats_server.start()
        offers = await heard(client, "event.share.offered.*", 200, timeout=30)
    said = [json.loads(offer.data)["image"] for offer in offers]
    assert sorted(said) == sorted(event.image for event in events)
    assert len({offer.headers["Nats-Msg-Id"] for offer in offers}) == 200


async def test_p14_a_reader_never_sees_what_is_not_committed_and_writers_take_turns(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "s.sqlite") as store:
        # In the middle of the writer's transaction the reader sees what was before it.
        middle, go_on = threading.Event(), threading.Event()

        def pause() -> tuple[str, str, str]:
            middle.set()
            go_on.wait(10)
            return ("noted", "y", "{}")

        rows = (pause() if late else ("noted", "x", "{}") for late in (False, True))
        insert = [("INSERT INTO documents VALUES (?, ?, ?)", rows)]
        writing = asyncio.create_task(store._run(store._write, insert))
        await asyncio.to_thread(middle.wait, 10)
        assert await store.reader.rows("SELECT id FROM documents") == []
        # Another coroutine's transaction waits for its turn instead of joining the open one.
        noting = asyncio.create_task(store.note_sent(7))
        go_on.set()
        await asyncio.gather(writing, noting)
        assert await store.reader.rows("SELECT id FROM documents") == [("x",), ("y",)]
        await asyncio.gather(
            store.commit(Batch(new_id), Outcome(sent=Sent(1))), store.note_sent(2), store.purge(0.0, 0.0)
        )
        with pytest.raises(Exception, match="readonly"):
            await store.reader.rows("DELETE FROM documents RETURNING id")


def test_the_stream_configuration_takes_nothing_by_default_that_would_let_a_pod_rewrite_history() -> None:
    from contracts.topology import STREAMS
    from runtime.topology import stream_config

    for stream in STREAMS:
        config: StreamConfig = stream_config(stream)
        assert config.deny_delete
        assert config.deny_purge
        assert not config.allow_direct
        assert not config.allow_rollup_hdrs


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.EVENTS.sharing.3.10.11.1700000000500000000.5",
        "$JS.ACK._.ACCOUNT.EVENTS.sharing.3.10.11.1700000000500000000.5.random",
        "$JS.ACK.hub.ACCOUNT.EVENTS.sharing.3.10.11.1700000000500000000.5",
    ],
)
def test_deliveries_sequences_and_time_are_read_from_both_forms_of_the_acknowledgement_subject(reply: str) -> None:
    assert consuming._metadata(reply) == (3, 10, 11, datetime.fromtimestamp(1_700_000_000.5, UTC))


async def test_a_consumer_that_was_silent_once_comes_back_and_does_not_pull_over_and_over(
    nats_url: str, tmp_path: Path
) -> None:
    async with outsider(nats_url) as client, Store.open(tmp_path / "s.sqlite") as store:
        idle = Consumer(client, durables(Speaker.SHARING)[0], Processor(store, {}), recreate=True)
        pulls: list[Any] = []
        await idle.start()
        idle._heard = idle._asked_at = 0.0  # as after a stall of the event loop for longer than the silence
        await client.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=_collect(pulls))
        async with task(idle.guard(), "guard"):
            assert idle.reason
            await until(lambda: not idle.reason)
            await asyncio.sleep(1.0)
            assert not idle.reason
    assert len(pulls) <= 4


async def test_an_id_with_a_nul_in_it_cannot_hold_up_the_messages_of_others(nats_url: str, tmp_path: Path) -> None:
    toy = Toy()
    async with outsider(nats_url) as client:
        js = client.jetstream()
        bad, good = registered("bad"), [registered(f"good{n}") for n in range(5)]
        for _ in range(2):
            await js.publish(topology.subject(bad), codec.encode(bad), headers={"ce-id": "poison\0id"})
        for event in good:
            await say(client, event)
        async with service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
            offers = await heard(client, "event.share.offered.*", 6)
            assert running.health.reasons() == ()
    assert len(offers) == 6
    assert toy.seen.count(bad.image) == 1


async def test_a_message_that_breaks_the_whole_batch_is_found_and_the_others_go_on(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "BACKOFF", (0.01,))
    monkeypatch.setattr(consuming, "MAX_DELIVERIES", 3)
    toy = Toy()
    definition = toy.definition()
    reaction = definition.reactions[hub.ImageRegistered]

    def keys(message: Any, get: Any) -> Any:
        if message.body.name == "poison":
            raise ValueError("keys of a poisoned message")
        return reaction.keys(message, get)

    breaking = replace(
        definition, reactions={**definition.reactions, hub.ImageRegistered: Reaction(keys, reaction.handle)}
    )
    async with outsider(nats_url) as client:
        events = [registered("poison" if n == 13 else f"n{n}") for n in range(40)]
        for event in events:
            await say(client, event)
        async with service(breaking, settings(nats_url, tmp_path / "s")) as running:
            await heard(client, "event.share.offered.*", 39)
            rows = await until(lambda: running.reader.rows("SELECT kind FROM dead_letters"))
    assert rows == [("handler",)]
    assert sorted(toy.seen) == sorted(event.image for event in events if event.name != "poison")


async def test_a_database_locked_from_outside_is_waited_out_said_and_costs_no_delivery(
    nats_url: str, tmp_path: Path
) -> None:
    toy, event = Toy(), registered()
    async with outsider(nats_url) as client, service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
        await say(client, registered("before"))
        await heard(client, "event.share.offered.*", 1)
        other = sqlite3.connect(tmp_path / "s" / "sharing.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # as a backup does
        await say(client, event)
        await until(lambda: "the store fails" in " ".join(running.health.reasons()))
        info = await client.jetstream().consumer_info("EVENTS", "sharing")
        assert info.num_redelivered == 0
        other.execute("ROLLBACK")
        other.close()
        await heard(client, "event.share.offered.*", 2)
        await until(lambda: not running.health.reasons())
        assert await running.reader.rows("SELECT * FROM dead_letters") == []


async def test_a_reminder_that_always_fails_holds_up_no_other_and_ends_on_record(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines_, "BACKOFF", (0.01,))
    toy = Toy(ring_after=0.05)
    definition = toy.definition()

    def ring(message: Any, work: Any) -> None:
        if message.body.image == failing.image:
            raise RuntimeError("asked to fail")
        toy.rung.append(message.body.image)

    reactions = {**definition.reactions, Ring: Reaction(definition.reactions[Ring].keys, ring)}
    failing, working = registered("failing"), registered("working")
    async with (
        outsider(nats_url) as client,
        service(replace(definition, reactions=reactions), settings(nats_url, tmp_path / "s")) as running,
    ):
        await say(client, failing)
        await say(client, working)
        await until(lambda: toy.rung == [working.image])
        rows = await until(lambda: running.reader.rows("SELECT kind, subject, reason FROM dead_letters"))
        assert await running.store.next_due() is None
    assert [(kind, subject) for kind, subject, _ in rows] == [("bad_body", f"ring:{failing.image}")]
    assert "asked to fail" in rows[0][2]


async def test_a_part_of_a_service_that_fails_starts_again_and_is_said_meanwhile(nats_url: str, tmp_path: Path) -> None:
    toy = Toy()
    async with outsider(nats_url) as client, service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
        note_sent = running.store.note_sent
        failures = 2

        async def failing(*given: Any, **more: Any) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise OSError("disk I/O error")
            await note_sent(*given, **more)

        running.store.note_sent = failing  # type: ignore[method-assign]
        await say(client, registered())
        await until(lambda: "relay failed" in " ".join(running.health.reasons()))
        await say(client, registered())
        await heard(client, "event.share.offered.*", 2)
        await until(lambda: not running.health.reasons())
