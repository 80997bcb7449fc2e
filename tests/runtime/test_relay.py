"""The relay: many rows go as one atomic batch, and singly where the server refuses the batch."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts import codec, topology
from harness.toy import NOTED, Toy, heard, outsider, registered, say, settings
from harness.wait import until
from runtime import relay as relaying
from runtime.ids import new_id
from runtime.service import service
from runtime.store import Store


async def _sent(store: Store) -> bool:
    return store.last_n > 0 and await store.sent_through() == store.last_n


async def test_many_rows_are_said_as_one_batch_in_their_order(nats_url: str, tmp_path: Path) -> None:
    commits: list[Any] = []

    async def receive(message: Any) -> None:
        if message.headers.get("Nats-Batch-Commit"):
            commits.append(int(message.headers["Nats-Batch-Sequence"]))

    events = [registered(f"n{n}") for n in range(200)]
    async with outsider(nats_url) as client:
        for event in events:
            await say(client, event)
        await client.subscribe("event.share.offered.*", cb=receive)
        await client.flush()
        async with service(Toy().definition(), settings(nats_url, tmp_path / "s")):
            offers = await heard(client, "event.share.offered.*", 200)
    assert [offer.subject.rpartition(".")[2] for offer in offers] == [event.image for event in events]
    assert sum(commits) >= relaying.SINGLY, "at least one batch was committed"


async def test_a_batch_of_which_some_rows_are_stored_already_is_said_singly_and_none_twice(
    nats_url: str, tmp_path: Path
) -> None:
    configured = settings(nats_url, tmp_path / "s")
    async with outsider(nats_url) as client:
        for n in range(100):
            await say(client, registered(f"n{n}"))
        async with service(Toy().definition(), configured) as running:
            await heard(client, "event.share.offered.*", 100)
            await until(lambda: _sent(running.store))
        async with Store.open(tmp_path / "s" / "sharing.sqlite") as store:
            await store.note_sent(50)  # the process died before it noted the rest
        async with service(Toy().definition(), configured) as running:
            await until(lambda: _sent(running.store))
            assert running.health.reasons() == ()
        info = await client.jetstream().stream_info("EVENTS", subjects_filter="event.share.>")
        assert sum((info.state.subjects or {}).values()) == 100


async def test_a_row_that_no_stream_will_take_becomes_a_dead_letter_and_holds_up_nothing(
    nats_url: str, tmp_path: Path
) -> None:
    toy = Toy()
    async with outsider(nats_url) as client:
        config = (await client.jetstream().stream_info("EVENTS")).config
        await client.jetstream().update_stream(config.evolve(max_msg_size=300_000))
        await say(client, registered(tenant="t" * (topology.MAX_MESSAGE + 1)))
        await client.jetstream().update_stream(config)
        await say(client, registered("small"))
        async with service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
            await until(lambda: running.reader.rows("SELECT 1 FROM dead_letters WHERE kind = 'unsendable'"))
            (offer,) = await heard(client, "event.share.offered.*", 1)
            await until(lambda: _sent(running.store))
    assert offer.subject.rpartition(".")[2] == toy.seen[1]


async def test_an_event_that_the_server_would_refuse_is_not_kept_and_holds_up_nothing(
    nats_url: str, tmp_path: Path
) -> None:
    toy, bad = Toy(), registered(image="two.tokens or three")
    headers = codec.headers(type(bad), id=new_id(), at=datetime.now(UTC), speaker="test", saga="0" * 32, cause="test")
    async with outsider(nats_url) as client:
        await client.jetstream().publish("event.image.registered.bad", codec.encode(bad), headers=headers)
        last = registered("last")
        await say(client, last)
        async with service(toy.definition(), settings(nats_url, tmp_path / "s")) as running:
            (offer,) = await heard(client, "event.share.offered.*", 1)
            assert await running.reader.get(NOTED, bad.image) is None
            assert running.health.reasons() == ()
    assert offer.subject.rpartition(".")[2] == last.image
    assert bad.image in toy.seen
