"""A service over a real server: effects happen once, in one transaction, and survive what crashes."""

import asyncio
import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts import codec, topology
from contracts.errors import Problem
from contracts.requests import (
    Actor,
    Done,
    DropGrant,
    GetHealth,
    HealthView,
    ListDeadLetters,
    ListMembers,
    MemberPage,
)
from contracts.views import MemberView
from harness.nats import NatsServer
from harness.toy import NOTED, Noted, Toy, heard, outsider, registered, say, settings
from harness.wait import until
from runtime.ids import new_id
from runtime.lease import LeaseHeldError
from runtime.processor import Processor
from runtime.requests import LARGEST_REPLY, Requests
from runtime.service import service, task
from runtime.store import Outcome, Reader, Store
from runtime.topology import TopologyError, apply
from runtime.work import Batch, Get, Kind, Message, Reaction, Ref, Work

ACTOR = Actor(tenant="t", name="n", roles=("owner",))
OPERATOR = Actor(tenant="t", name="n", roles=("operator",))


async def test_a_message_that_is_stored_twice_takes_effect_once(nats_url: str, tmp_path: Path) -> None:
    toy, event = Toy(), registered()
    async with outsider(nats_url) as client, service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
        # Without Nats-Msg-Id the stream stores both, as it does once its window of two minutes has passed.
        for _ in range(2):
            await client.jetstream().publish(
                topology.subject(event), codec.encode(event), headers={"ce-id": "same", "correlation_id": "a" * 32}
            )
        last = registered("last")
        await say(client, last)
        offers = await heard(client, "event.share.offered.*", 2)
        assert toy.seen == [event.image, last.image]
        noted = await running.reader.get(NOTED, event.image)
        assert noted is not None
        assert noted.times == 1
        assert offers[0].headers["correlation_id"] == "a" * 32


async def test_what_is_said_carries_the_headers_of_cloudevents_and_its_cause(nats_url: str, tmp_path: Path) -> None:
    async with outsider(nats_url) as client, service(Toy().definition(), settings(nats_url, tmp_path / "s")):
        cause = await say(client, registered(), saga="b" * 32)
        (offer,) = await heard(client, "event.share.offered.*", 1)
    headers = offer.headers
    assert headers["ce-type"] == "share.offered.v1"
    assert headers["ce-source"] == "imprint/sharing"
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-id"] == headers["Nats-Msg-Id"]
    assert headers["causation_id"] == cause
    assert headers["traceparent"].split("-")[1] == headers["correlation_id"] == "b" * 32


async def test_a_handler_that_raises_is_set_aside_alone_and_comes_again(nats_url: str, tmp_path: Path) -> None:
    toy = Toy(fail={"bad": 2})
    good, bad = [registered(f"good{n}") for n in range(20)], registered("bad")
    async with outsider(nats_url) as client:
        for event in [*good[:10], bad, *good[10:]]:
            await say(client, event)
        async with service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
            offers = await heard(client, "event.share.offered.*", 21)
            noted = await running.reader.get(NOTED, bad.image)
    assert [json["image"] for json in map(msgspec.json.decode, (offer.data for offer in offers))][-1] == bad.image
    assert noted is not None
    assert noted.times == 1, "what a raising handler had put must not be kept"
    assert toy.seen.count(bad.image) == 3


async def test_unknown_types_bad_bodies_and_wrong_subjects_become_dead_letters_and_the_rest_goes_on(
    nats_url: str, tmp_path: Path
) -> None:
    toy, event = Toy(), registered()
    configured = settings(nats_url, tmp_path / "s")
    async with outsider(nats_url) as client:
        js = client.jetstream()
        subject = topology.subject(event)
        await js.publish(subject, b'{"type":"image.registered.v99"}')
        await js.publish(subject, b"\xff\x00 not json")
        await js.publish(subject, b'{"type":"image.registered.v1","image":7}')
        await js.publish(subject, b'{"type":"image.available.v1","image":"i","revision":1}')
        await say(client, event)
        async with service(toy.definition(), configured), Requests.connect(configured, "test") as requests:
            await heard(client, "event.share.offered.*", 1)
            page = await requests.ask(ListDeadLetters(actor=OPERATOR), service="sharing")
            refusal = await requests.ask(ListDeadLetters(actor=ACTOR), service="sharing")
    assert (refusal.code, refusal.data) == ("forbidden", {"needs": "operate"})
    assert sorted(letter.kind for letter in page.items) == ["bad_body", "bad_body", "bad_body", "unknown_type"]
    assert {letter.subject for letter in page.items} == {subject}
    assert toy.seen == [event.image]


async def test_a_repeated_command_gets_its_first_answer_again_also_after_a_restart(
    nats_url: str, tmp_path: Path
) -> None:
    toy, configured = Toy(), settings(nats_url, tmp_path / "s")
    command = DropGrant(actor=ACTOR, id=new_id(), image="i", principal="m")
    async with outsider(nats_url), Requests.connect(configured, "test") as requests:
        async with service(toy.definition(), configured):
            assert await requests.ask(command) == Done()
            assert await requests.ask(command) == Done()
        async with service(toy.definition(), configured) as running:
            assert await requests.ask(command) == Done()
            other = await requests.ask(msgspec.structs.replace(command, principal="another"))
            noted = await running.reader.get(NOTED, "i")
    assert isinstance(other, Problem)
    assert other.code == "idempotency_key_reused"
    assert noted is not None
    assert noted.times == 1


async def test_a_request_that_nobody_can_answer_is_a_problem_and_no_exception(nats_url: str, tmp_path: Path) -> None:
    configured = settings(nats_url, tmp_path / "s")
    command = DropGrant(actor=ACTOR, id=new_id(), image="i", principal="m")
    async with Requests.connect(configured, "test") as requests:
        reply = await requests.ask(command, timeout=0.2)
    assert isinstance(reply, Problem)
    assert reply.code == "unavailable"


async def test_a_reply_that_no_message_holds_is_an_error_that_is_told_and_not_a_silence(
    nats_url: str, tmp_path: Path
) -> None:
    async def huge(query: ListMembers, _: Reader) -> MemberPage:
        return MemberPage(
            items=(MemberView(image=query.image, member="m" * LARGEST_REPLY, state="x", updated=datetime.now(UTC)),)
        )

    configured = settings(nats_url, tmp_path / "s")
    definition = dataclasses.replace(Toy().definition(), queries={ListMembers: huge})
    async with outsider(nats_url), service(definition, configured), Requests.connect(configured, "test") as requests:
        reply = await requests.ask(ListMembers(actor=ACTOR, image="i"), timeout=5)
        assert isinstance(reply, Problem)
        assert reply.code == "internal"


async def test_a_reminder_is_handed_out_once_and_survives_a_restart(nats_url: str, tmp_path: Path) -> None:
    toy, event, configured = Toy(ring_after=0.3), registered(), settings(nats_url, tmp_path / "s")
    async with outsider(nats_url) as client:
        await say(client, event)
        async with service(toy.definition(), configured):
            await heard(client, "event.share.offered.*", 1)
        assert toy.rung == []
        rung = asyncio.Event()
        async with service(toy.definition(), configured) as running:
            running.on_commit(rung.set)
            await asyncio.wait_for(rung.wait(), 10)
            assert await running.store.next_due() is None
    assert toy.rung == [event.image]


async def test_what_was_committed_but_never_acknowledged_is_said_after_a_crash(nats_url: str, tmp_path: Path) -> None:
    toy, event, configured = Toy(), registered(), settings(nats_url, tmp_path / "s")
    async with outsider(nats_url) as client:
        await say(client, event)
        async with service(toy.definition(), configured):
            (first,) = await heard(client, "event.share.offered.*", 1)
        # As if the process had died between commit and publish: nothing acknowledged, nothing in the stream.
        async with Store.open(tmp_path / "s" / "sharing.sqlite") as store:
            await store.note_sent(0)
        await client.jetstream().delete_stream("EVENTS")
        await apply(client)
        async with service(toy.definition(), configured):
            (second,) = await heard(client, "event.share.offered.*", 1)
    assert first.headers["Nats-Msg-Id"] == second.headers["Nats-Msg-Id"]
    assert toy.seen == [event.image]


async def test_health_says_ready_only_while_consumers_move(nats_url: str, tmp_path: Path) -> None:
    configured = settings(nats_url, tmp_path / "s")
    async with (
        outsider(nats_url),
        service(Toy().definition(), configured) as running,
        Requests.connect(configured, "test") as requests,
    ):
        view = await requests.ask(GetHealth(actor=ACTOR), service="sharing")
        assert isinstance(view, HealthView)
        assert view.ready
        running.health.add(lambda: "a reason")
        view = await requests.ask(GetHealth(actor=ACTOR), service="sharing")
        assert (view.ready, view.reasons) == (False, ("a reason",))


async def test_a_second_process_on_the_same_data_is_refused(nats_url: str, tmp_path: Path) -> None:
    configured = settings(nats_url, tmp_path / "s")
    async with outsider(nats_url), service(Toy().definition(), configured):
        with pytest.raises(LeaseHeldError, match="held by process"):
            async with service(Toy().definition(), configured):
                pytest.fail("two writers on one database")


async def test_a_service_does_not_start_on_a_server_without_its_streams(nats_url: str, tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="imprint admin topology apply"):
        async with service(Toy().definition(), settings(nats_url, tmp_path / "s")):
            pytest.fail("started without streams")


async def test_a_server_that_comes_back_finds_a_service_that_goes_on(nats_server: NatsServer, tmp_path: Path) -> None:
    toy, before, after = Toy(), registered("before"), registered("after")
    async with (
        outsider(nats_server.url) as client,
        service(toy.definition(), settings(nats_server.url, tmp_path / "s")) as running,
    ):
        await say(client, before)
        await heard(client, "event.share.offered.*", 1)
        nats_server.kill()
        assert "not connected to NATS" in " ".join(await until(lambda: running.health.reasons()))
        nats_server.start()
        await say(client, after)
        offers = await heard(client, "event.share.offered.*", 2, timeout=20)
        assert len(offers) == 2
        await until(lambda: not running.health.reasons())
    assert toy.seen == [before.image, after.image]


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A document that names another one."""

    target: str


async def test_references_are_followed_for_every_message_of_a_batch_also_when_they_share_the_first(
    tmp_path: Path,
) -> None:
    aliases: Kind[Alias] = Kind("alias", Alias)
    met: list[tuple[str, int]] = []

    def keys(message: Message[DropGrant], get: Get) -> Iterable[Ref]:
        yield aliases("shared")
        alias = get(aliases, "shared")
        if alias is not None:
            yield NOTED(f"{alias.target}/{message.body.principal}")

    def handle(message: Message[DropGrant], work: Work) -> Done:
        alias = work.get(aliases, "shared")
        assert alias is not None
        noted = work.get(NOTED, f"{alias.target}/{message.body.principal}")
        met.append((message.body.principal, noted.times if noted else 0))
        return Done()

    async with Store.open(tmp_path / "s.sqlite") as store:
        seed = Batch(new_id)
        seed.changed["alias", "shared"] = Alias(target="image")
        seed.changed["noted", "image/b"] = Noted(name="b", times=7)
        await store.commit(seed, Outcome())
        processor = Processor(store, {DropGrant: Reaction(keys, handle)})
        asked = [
            processor.ask(
                Message(
                    new_id(),
                    "request",
                    datetime.now(UTC),
                    "",
                    DropGrant(actor=ACTOR, id="i", image="x", principal=principal),
                )
            )
            for principal in "abc"
        ]
        waiting = asyncio.gather(*asked)
        async with task(processor.run(), "processor"):
            await waiting
    assert met == [("a", 0), ("b", 7), ("c", 0)]


async def test_the_time_of_a_message_is_the_servers_and_not_what_its_speaker_claims(
    nats_url: str, tmp_path: Path
) -> None:
    event = registered()
    async with outsider(nats_url) as client, service(Toy().definition(), settings(nats_url, tmp_path / "s")):
        await client.jetstream().publish(
            topology.subject(event), codec.encode(event), headers={"ce-time": "1999-01-01T00:00:00Z"}
        )
        (offer,) = await heard(client, "event.share.offered.*", 1)
    said = datetime.fromisoformat(offer.headers["ce-time"])
    assert abs((datetime.now(UTC) - said).total_seconds()) < 60


async def test_words_without_an_id_are_new_each_time_they_are_said(nats_url: str, tmp_path: Path) -> None:
    toy, event = Toy(), registered()
    async with outsider(nats_url) as client, service(toy.definition(), settings(nats_url, tmp_path / "s")):
        for _ in range(2):
            await client.jetstream().publish(topology.subject(event), codec.encode(event))
        await heard(client, "event.share.offered.*", 2)
    assert toy.seen == [event.image, event.image]
