"""A database that went back, and a server that lost what it had: both come to what they would have been."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError

from contracts import codec
from contracts.events import hub
from harness.nats import NatsServer
from harness.toy import NOTED, Toy, heard, outsider, registered, say, settings
from harness.wait import until
from runtime import audit, recovery
from runtime import service as running_service
from runtime.service import service
from runtime.topology import apply


def backup(folder: Path, to: Path) -> None:
    """A copy of the toy's database as of now, as a backup makes it."""
    to.mkdir(exist_ok=True)
    with sqlite3.connect(folder / "sharing.sqlite") as source, sqlite3.connect(to / "sharing.sqlite") as target:
        source.backup(target)


def restore(folder: Path, copy: Path) -> None:
    """The old copy in place of the database."""
    for old in folder.glob("sharing.sqlite*"):
        old.unlink()
    shutil.copy(copy / "sharing.sqlite", folder / "sharing.sqlite")


def lose_streams(server: NatsServer) -> None:
    """The server dies and comes back without its data folder."""
    server.kill()
    shutil.rmtree(server.folder / "js")
    server.start()


async def _answered(client: Any) -> bool:
    """Whether the client has found the server again."""
    with suppress(NatsError, TimeoutError):
        await client.jetstream(timeout=0.5).account_info()
        return True
    return False


async def images(client: Any) -> set[str]:
    """The images that the stream says were offered."""
    info = await client.jetstream().stream_info("EVENTS", subjects_filter="event.share.offered.*")
    return {subject.rpartition(".")[2] for subject in info.state.subjects or {}}


async def _settled(running: Any) -> bool:
    return bool(await running.store.sent_through() == running.store.last_n and not running.processor.waiting)


class Numbered(Toy):
    """The toy with revisions above the floor, as services say them."""

    floors: list[int]

    def _registered(self, message: Any, work: Any) -> None:
        self.floors = [*getattr(self, "floors", []), work.floor]
        super()._registered(message, work)


async def _with_an_older_database(url: str, tmp_path: Path, toy: Toy) -> tuple[set[str], set[str]]:
    """What was registered, and what the toy knows of it after ten were handled, a backup made, ten more handled and
    acknowledged, and the backup restored."""
    events = [registered(f"n{n}") for n in range(20)]
    folder, configured = tmp_path / "s", settings(url, tmp_path / "s")
    async with outsider(url) as client:
        async with service(Toy().definition(), configured) as running:
            for event in events[:10]:
                await say(client, event)
            await heard(client, "event.share.offered.*", 10)
            await until(lambda: _settled(running))
        backup(folder, tmp_path / "copy")
        async with service(Toy().definition(), configured) as running:
            for event in events[10:]:
                await say(client, event)
            await heard(client, "event.share.offered.*", 20)
            await until(lambda: _settled(running))
        restore(folder, tmp_path / "copy")
        last = registered("last")
        async with service(toy.definition(), configured) as running:
            await say(client, last)
            await until(lambda: running.reader.get(NOTED, last.image))
            await until(lambda: _settled(running))
            known = {image for (image,) in await running.reader.rows("SELECT id FROM documents WHERE kind = 'noted'")}
            for event in events[:10]:
                noted = await running.reader.get(NOTED, event.image)
                assert noted is not None
                assert noted.times == 1, "what the copy knows has no effect a second time"
    return {event.image for event in [*events, last]}, known


async def test_a_service_on_an_older_copy_of_its_database_hears_again_what_it_forgot(
    nats_url: str, tmp_path: Path
) -> None:
    toy = Numbered()
    wanted, known = await _with_an_older_database(nats_url, tmp_path, toy)
    assert known == wanted
    assert min(toy.floors) > 1_600_000_000_000, "its revisions are above all that were said"


class Hasty(Toy):
    """The toy, noting what came first: a message or a reminder."""

    def _registered(self, message: Any, work: Any) -> None:
        super()._registered(message, work)
        self.rung.append("heard")


async def test_no_deadline_passes_before_what_waited_at_the_start_was_heard(nats_url: str, tmp_path: Path) -> None:
    first, configured = Toy(ring_after=3600), settings(nats_url, tmp_path / "s")
    async with outsider(nats_url) as client:
        event = registered()
        async with service(first.definition(), configured) as running:
            await say(client, event)
            await until(lambda: first.seen)
            await until(lambda: _settled(running))
        for n in range(600):
            await say(client, registered(f"n{n}"))
        with sqlite3.connect(tmp_path / "s" / "sharing.sqlite") as store:
            store.execute("UPDATE deadlines SET due = 0")
        toy = Hasty()
        async with service(toy.definition(), configured):
            await until(lambda: event.image in toy.rung)
    assert toy.rung == ["heard"] * 600 + [event.image]


async def test_without_the_recovery_it_would_not(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> bool:
        return False

    monkeypatch.setattr(recovery, "recover", nothing)
    wanted, known = await _with_an_older_database(nats_url, tmp_path, Toy())
    assert len(wanted - known) == 10


async def test_a_service_that_merely_restarts_keeps_its_place_and_its_revisions(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    configured = settings(nats_server.url, tmp_path / "s")
    async with outsider(nats_server.url) as client:
        before = None
        for round in range(4):
            if round == 2:
                nats_server.kill()
                nats_server.start()
            async with service(Toy().definition(), configured) as running:
                for n in range(7):
                    await say(client, registered(f"{round}-{n}"))
                    await client.jetstream().publish("event.pod.connected.p", b"{}")  # not for this durable
                await until(lambda running=running: _settled_at(running, 7 * (round + 1)))  # noqa: B023
                assert running.store.floor == 0
            info = await client.jetstream().consumer_info("EVENTS", "sharing")
            assert before in (None, info.created)
            before = info.created


async def _settled_at(running: Any, count: int) -> bool:
    return running.store.last_n == count and await _settled(running)


async def test_a_database_that_was_lost_hears_everything_from_the_beginning(nats_url: str, tmp_path: Path) -> None:
    configured, event = settings(nats_url, tmp_path / "s"), registered()
    async with outsider(nats_url) as client:
        await say(client, event)
        async with service(Toy().definition(), configured) as running:
            await until(lambda: _settled_at(running, 1))
        shutil.rmtree(tmp_path / "s")
        toy = Toy()
        async with service(toy.definition(), configured) as running:
            await until(lambda: toy.seen == [event.image])


async def test_streams_that_are_made_anew_are_no_older_database(nats_server: NatsServer, tmp_path: Path) -> None:
    configured = settings(nats_server.url, tmp_path / "s")
    async with outsider(nats_server.url) as client:
        await say(client, registered())
        async with service(Toy().definition(), configured) as running:
            await until(lambda: _settled_at(running, 1))
        lose_streams(nats_server)
        await until(lambda: _answered(client))
        await apply(client)
        toy = Toy()
        async with service(toy.definition(), configured) as running:
            await say(client, registered())
            await until(lambda: len(toy.seen) == 1)
            assert running.store.floor == 0


# --- what was said and lost -------------------------------------------------------------------------------------------


async def _with_lost_streams(server: NatsServer, tmp_path: Path, *, running_on: bool) -> tuple[set[str], set[str]]:
    """What the toy said, and what the streams have of it after they were lost."""
    configured = settings(server.url, tmp_path / "s")
    events = [registered(f"n{n}") for n in range(60)]
    async with outsider(server.url) as client:
        async with service(Toy().definition(), configured) as running:
            for event in events:
                await say(client, event)
            await until(lambda: _settled_at(running, 60))
            if running_on:
                lose_streams(server)
                await until(lambda: _answered(client))
                await apply(client)
                events.append(registered("later"))
                await until(lambda: _heard_again(client, events[-1]))
                await until(lambda: _settled_at(running, 61))
                await _patiently(client, events)
        if not running_on:
            lose_streams(server)
            await until(lambda: _answered(client))
            await apply(client)
            async with service(Toy().definition(), configured) as running:
                await _patiently(client, events)
        return {event.image for event in events}, await images(client)


async def _heard_again(client: Any, event: hub.ImageRegistered) -> bool:
    await say(client, event, id="f" * 32)
    return event.image in await images(client)


async def _patiently(client: Any, events: Iterable[hub.ImageRegistered]) -> None:
    """Until the stream has them all, or a while longer than the audit takes."""
    wanted = {event.image for event in events}
    for _ in range(30):
        if await images(client) == wanted:
            return
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("running_on", [True, False], ids=["while it runs", "while it is down"])
async def test_what_a_server_lost_is_said_again(nats_server: NatsServer, tmp_path: Path, *, running_on: bool) -> None:
    said, there = await _with_lost_streams(nats_server, tmp_path, running_on=running_on)
    assert there == said


@pytest.mark.parametrize("running_on", [True, False], ids=["while it runs", "while it is down"])
async def test_without_the_audit_it_would_stay_lost(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, running_on: bool
) -> None:
    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(audit.Audit, "run", never)
    said, there = await _with_lost_streams(nats_server, tmp_path, running_on=running_on)
    assert len(said - there) >= 60


async def test_of_a_stream_that_lost_its_end_only_the_end_is_said_again(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is lost to a server that comes back with an earlier state of its folder, and sequences are used anew."""
    monkeypatch.setattr(audit, "EVERY", 0.05)
    configured = settings(nats_server.url, tmp_path / "s")
    events = [registered(f"n{n}") for n in range(40)]
    async with outsider(nats_server.url) as client:
        async with service(Toy().definition(), configured) as running:
            for event in events[:20]:
                await say(client, event)
            await until(lambda: _settled_at(running, 20))
            await until(lambda: running.reader.rows("SELECT 1 FROM marks WHERE n = 20"))
        nats_server.stop()
        shutil.copytree(nats_server.folder / "js", tmp_path / "earlier")
        nats_server.start()
        async with service(Toy().definition(), configured) as running:
            for event in events[20:]:
                await say(client, event)
            await until(lambda: _settled_at(running, 40))
            await until(lambda: running.reader.rows("SELECT 1 FROM marks WHERE n = 40"))
        nats_server.stop()
        shutil.rmtree(nats_server.folder / "js")
        shutil.copytree(tmp_path / "earlier", nats_server.folder / "js")
        nats_server.start()
        await until(lambda: _answered(client))
        for n in range(50):
            await client.jetstream().publish(f"event.pod.connected.p{n}", b"{}")  # others write over the lost end
        async with service(Toy().definition(), configured):
            await _patiently(client, events)
        offers = await heard(client, "event.share.offered.*", 40)
        ids = [offer.headers["Nats-Msg-Id"] for offer in offers]
        assert len(set(ids)) == 40, "what the stream still had is not said again"
        said = [codec.decode(offer.data).image for offer in offers]  # type: ignore[attr-defined]
        assert said == [event.image for event in events], "and what it lost in its order"


async def test_a_stream_that_lost_nothing_is_told_nothing_again_for_the_sake_of_another(
    nats_url: str, tmp_path: Path
) -> None:
    configured = settings(nats_url, tmp_path / "s")
    async with outsider(nats_url) as client, service(Toy().definition(), configured) as running:
        for n in range(50):
            await say(client, registered(f"n{n}"))
        await until(lambda: _settled_at(running, 50))
        before = (await client.jetstream().stream_info("EVENTS")).state.messages
        relay = running_service.Relay(running.nats, running.store, "sharing")
        await relay.start()
        working = asyncio.create_task(relay.run())
        await relay.go_back("TO_PODS", 0)
        await relay.flush(10)
        working.cancel()
        assert (await client.jetstream().stream_info("EVENTS")).state.messages == before
        assert await running.store.sent_through() == 50


async def test_who_may_not_look_into_the_stream_is_told_by_the_acknowledgements(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a connector: by a sequence that is given out a second time."""

    def blind(*given: Any, looks: bool) -> audit.Audit:
        return audit.Audit(*given, looks=False)

    monkeypatch.setattr(running_service, "Audit", blind)
    said, there = await _with_lost_streams(nats_server, tmp_path, running_on=True)
    assert there == said


async def test_what_went_as_one_batch_lies_where_it_is_thought_to_lie(nats_url: str, tmp_path: Path) -> None:
    async with outsider(nats_url) as client:
        for n in range(300):
            await say(client, registered(f"n{n}"))
        commits: list[Any] = []

        async def receive(message: Any) -> None:
            commits.extend(message.headers.get("Nats-Batch-Commit") or [])

        await client.subscribe("event.share.offered.*", cb=receive)
        await client.flush()
        async with service(Toy().definition(), settings(nats_url, tmp_path / "s")) as running:
            await until(lambda: _settled_at(running, 300))
            await until(lambda: running.reader.rows("SELECT 1 FROM tips WHERE n = 300"))
            ((sequence, id),) = await running.reader.rows("SELECT sequence, id FROM tips")
            stored = await client.jetstream().get_msg("EVENTS", sequence)
            assert stored.headers is not None
            assert stored.headers["Nats-Msg-Id"] == id
    assert commits, "nothing went as a batch"
