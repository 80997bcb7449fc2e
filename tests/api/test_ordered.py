"""The reader of a stream: in order, without a gap and each once, whatever happens to its consumer or its stream."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import nats
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig

from harness.nats import NatsServer
from harness.wait import until
from runtime.ordered import Ordered, Stored

STREAM = "LOG"


class Diary:
    """What a reader handed over."""

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.gaps: list[tuple[int, int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def handle(self, stored: Stored) -> None:
        await self.open.wait()
        self.sequences.append(stored.sequence)

    async def lost(self, after: int, before: int) -> None:
        self.gaps.append((after, before))

    def reader(self, client: Client, after: int | None) -> Ordered:
        return Ordered(client, STREAM, self.handle, after=after, lost=self.lost, heartbeat=0.1)


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    found = await nats.connect(nats_url)
    await found.jetstream().add_stream(StreamConfig(name=STREAM, subjects=["log.>"]))
    yield found
    await found.close()


async def write(client: Client, count: int, size: int = 1) -> None:
    js = client.jetstream()
    for _ in range(count):
        await js.publish("log.x", b"x" * size)


async def consumers(client: Client) -> list[str]:
    return [info.name for info in await client.jetstream().consumers_info(STREAM)]


async def test_it_begins_where_it_is_told_and_goes_on(client: Client) -> None:
    diary = Diary()
    await write(client, 5)
    async with diary.reader(client, 2):
        await until(lambda: diary.sequences == [3, 4, 5])
        await write(client, 1)
        await until(lambda: diary.sequences == [3, 4, 5, 6])
    assert diary.gaps == []


async def test_without_a_place_it_begins_with_the_next_message(client: Client) -> None:
    diary = Diary()
    await write(client, 5)
    async with diary.reader(client, None) as reader:
        await reader.placed.wait()
        assert reader.position == 5
        await write(client, 1)
        await until(lambda: diary.sequences == [6])


async def test_a_consumer_that_is_lost_before_its_first_message_does_not_replay_the_stream(client: Client) -> None:
    diary = Diary()
    await write(client, 5)
    async with diary.reader(client, None) as reader:
        await until(lambda: reader.live)
        [first] = await consumers(client)
        await client.jetstream().delete_consumer(STREAM, first)
        await until(lambda: _another(client, first))
        await write(client, 1)
        await until(lambda: diary.sequences)
    assert diary.sequences == [6]


async def test_what_is_written_while_its_consumer_is_gone_is_read_afterwards(client: Client) -> None:
    diary = Diary()
    async with diary.reader(client, 0) as reader:
        await write(client, 2)
        await until(lambda: diary.sequences == [1, 2])
        [first] = await consumers(client)
        await client.jetstream().delete_consumer(STREAM, first)
        await write(client, 3)
        await until(lambda: diary.sequences == [1, 2, 3, 4, 5])
        await until(lambda: reader.live)


async def beats(reader: Ordered, count: int) -> None:
    """Wait for so many heartbeats."""
    heard = asyncio.Event()
    left = count
    inner = reader._control

    async def counting(*arguments: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            heard.set()
        await inner(*arguments)

    reader._control = counting  # type: ignore[method-assign]
    await heard.wait()


async def test_silence_of_a_stream_is_no_reason_to_make_a_new_consumer(client: Client) -> None:
    diary = Diary()
    async with diary.reader(client, 0) as reader:
        await until(lambda: reader.live)
        before = await consumers(client)
        await beats(reader, 8)
        assert await consumers(client) == before


async def test_a_reader_that_is_busy_for_long_keeps_its_consumer_and_its_order(client: Client) -> None:
    diary = Diary()
    diary.open.clear()
    async with diary.reader(client, 0), Diary().reader(client, 0) as clock:
        await write(client, 3)
        await until(lambda: clock.position == 3)
        before = set(await consumers(client))
        await beats(clock, 8)
        assert set(await consumers(client)) == before
        diary.open.set()
        await until(lambda: diary.sequences == [1, 2, 3])


async def test_a_new_connection_while_a_message_is_handled_neither_loses_nor_repeats_it(
    nats_server: NatsServer,
) -> None:
    client = await nats.connect(nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    await client.jetstream().add_stream(StreamConfig(name=STREAM, subjects=["log.>"]))
    diary = Diary()
    async with diary.reader(client, 0) as reader:
        diary.open.clear()
        await write(client, 3)
        await until(lambda: reader._busy)
        nats_server.kill()
        nats_server.start()
        await until(lambda: not reader.live)
        diary.open.set()
        await until(lambda: diary.sequences == [1, 2, 3])
        await until(lambda: reader.live)
        await beats(reader, 3)
    assert diary.sequences == [1, 2, 3]
    await client.close()


async def test_more_than_the_server_sends_at_once_comes_whole_because_it_is_asked_to_wait(client: Client) -> None:
    diary = Diary()
    count, size = 3000, 8000
    await asyncio.gather(*(write(client, count // 50, size) for _ in range(50)))
    async with diary.reader(client, 0):
        await until(lambda: len(diary.sequences) == count, timeout=60)
    assert diary.sequences == list(range(1, count + 1))


async def test_messages_that_are_no_longer_kept_are_reported_as_a_gap(client: Client) -> None:
    diary = Diary()
    await write(client, 10)
    await client.jetstream().purge_stream(STREAM, keep=3)
    async with diary.reader(client, 2):
        await until(lambda: diary.sequences == [8, 9, 10])
    assert diary.gaps == [(2, 8)]


async def test_a_stream_that_was_made_anew_is_read_from_its_beginning(client: Client) -> None:
    diary = Diary()
    await write(client, 5)
    async with diary.reader(client, 3):
        await until(lambda: diary.sequences == [4, 5])
        await client.jetstream().delete_stream(STREAM)
        await client.jetstream().add_stream(StreamConfig(name=STREAM, subjects=["log.>"]))
        await write(client, 7)
        await until(lambda: diary.sequences == [4, 5, 1, 2, 3, 4, 5, 6, 7])
    assert diary.gaps == [(5, 0)]


async def test_a_place_beyond_the_end_means_another_stream(client: Client) -> None:
    diary = Diary()
    await write(client, 2)
    async with diary.reader(client, 1000):
        await until(lambda: diary.sequences == [1, 2])
    assert diary.gaps == [(1000, 0)]


async def test_a_server_that_crashes_again_and_again_costs_no_message(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    await client.jetstream().add_stream(StreamConfig(name=STREAM, subjects=["log.>"]))
    diary = Diary()
    async with diary.reader(client, 0):
        for round_ in range(1, 4):
            writer = await nats.connect(nats_server.url)
            await write(writer, 5)
            await until(lambda wanted=round_ * 5: len(diary.sequences) == wanted)
            await writer.close()
            nats_server.kill()
            nats_server.start()
    assert diary.sequences == list(range(1, 16))
    await client.close()


async def test_closing_leaves_no_consumer_behind_for_long(client: Client) -> None:
    diary = Diary()
    async with diary.reader(client, 0) as reader:
        await until(lambda: reader.live)
        info = msgspec.json.decode((await client.request(f"$JS.API.CONSUMER.NAMES.{STREAM}", b"{}")).data)
        assert len(info["consumers"]) == 1
    await until(lambda: _nobody(client))


async def _another(client: Client, than: str) -> bool:
    return any(name != than for name in await consumers(client))


async def _nobody(client: Client) -> bool:
    return not await consumers(client)
