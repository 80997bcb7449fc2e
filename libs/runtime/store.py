"""The store of a service: SQLite in WAL mode, one writer and one ``query_only`` reader (P14).

The writer loads what a batch needs in a few statements and commits everything that its handlers decided in one
transaction: seen ids, documents, events to say, reminders, read-side rows. `synchronous=FULL` costs nothing
measurable at batch size (control-plane.md 4).
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiosqlite
import msgspec

from contracts import codec, topology
from runtime import migrations
from runtime.work import Batch, Emitted, Kind, Ref

T = TypeVar("T")
CACHE_KIB = 16 * 1024


class Row(NamedTuple):
    """An event in the outbox, as the relay sends it."""

    n: int
    id: str
    kind: str
    subject: str
    saga: str
    cause: str
    at: float
    body: bytes


class Seen(NamedTuple):
    """That a message was handled; a command's reply, and a fingerprint of what it asked."""

    id: str
    speaker: str
    at: float
    fingerprint: bytes | None = None
    reply: bytes | None = None


class DeadLetter(NamedTuple):
    """A message that cannot be handled, kept whole. ``kind``: unknown_type, bad_body, handler, unsendable."""

    id: str
    subject: str
    headers: bytes
    raw: bytes
    kind: str
    reason: str
    deliveries: int
    at: float


class Due(NamedTuple):
    """A reminder whose time has come."""

    name: str
    due: float
    body: bytes
    saga: str


class Position(NamedTuple):
    """How far a stream was heard: the highest sequence, in the stream and among the deliveries of the durable, which
    was ``made`` at that time."""

    stream: str
    made: str
    sequence: int
    delivery: int

    def reached(self, other: "Position | None") -> "Position":
        """The further one of two, in each respect; another durable counts anew."""
        if other is None or other.made != self.made:
            return self
        if self.sequence >= other.sequence and self.delivery >= other.delivery:
            return self  # nearly always
        return Position(self.stream, self.made, max(self.sequence, other.sequence), max(self.delivery, other.delivery))


class Tip(NamedTuple):
    """That the stream has every row of the outbox up to ``n``: that one is the event ``id`` at ``sequence``."""

    stream: str
    n: int
    sequence: int
    id: str
    at: float


class Sent(NamedTuple):
    """What the relay knows to be said: all rows up to ``through``."""

    through: int
    tips: tuple[Tip, ...] = ()


@dataclass
class Outcome:
    """What one commit adds besides the batch itself."""

    seen: list[Seen] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    served: list[tuple[str, float]] = field(default_factory=list)
    """Reminders (name, due) that were handed out."""
    sent: Sent | None = None
    positions: dict[str, Position] = field(default_factory=dict)


class Reader:
    """Reads committed state only, on a connection of its own."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return [tuple(row) for row in await self._connection.execute_fetchall(sql, params)]

    async def get(self, kind: Kind[T], id: str) -> T | None:
        """The committed state of a document."""
        rows = await self.rows("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind.name, id))
        return kind.decode(rows[0][0]) if rows else None


class Loaded(NamedTuple):
    """What one look into the store found."""

    seen: dict[tuple[str, str], Seen]
    due: set[tuple[str, float]]


class Store:
    """The one writer, in a thread of its own; what a batch needs is read in place, on a second connection.

    A hop for each statement, as through an asynchronous driver, costs more than the statements (design notes). A
    commit waits for the disk and has its own thread for that; it has the writing connection to itself from begin to
    commit, so that nobody finds it in the middle of a transaction (P14). Look-ups by key take microseconds each and
    are not worth a hop. Queries have a third connection, through aiosqlite, and never hold up the loop.
    """

    def __init__(
        self,
        thread: ThreadPoolExecutor,
        writer: sqlite3.Connection,
        loader: sqlite3.Connection,
        reader: Reader,
        pod: str | None,
    ) -> None:
        self._thread = thread
        self._writer = writer
        self._loader = loader
        self.reader = reader
        self._pod = pod
        self._next_n = 1
        self.floor = 0
        """Above it revisions are said, since this was found to be an older copy of the database; 0 if it never was."""

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *folders: Path, pod: str | None = None) -> "AsyncIterator[Store]":
        """Migrate and open the database at ``path``; ``pod`` is the pod that speaks from it, for a connector."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(1, thread_name_prefix="store") as thread:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(thread, migrations.apply, path, *folders)
            writer = await loop.run_in_executor(thread, _connect, path)
            loader = _connect(path)
            try:
                loader.execute("PRAGMA query_only = ON")
                async with aiosqlite.connect(path) as connection:
                    await connection.execute("PRAGMA query_only = ON")
                    store = cls(thread, writer, loader, Reader(connection), pod)
                    newest = "SELECT max(ifnull((SELECT max(n) FROM outbox), 0), (SELECT sent_through FROM relay))"
                    store._next_n = int((await store.reader.rows(newest))[0][0]) + 1
                    store.floor = int((await store.reader.rows("SELECT value FROM floor"))[0][0])
                    yield store
            finally:
                loader.close()
                await loop.run_in_executor(thread, writer.close)

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function`` in the writer's thread, where it has the connection to itself."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def load(
        self,
        batch: Batch,
        refs: Collection[Ref],
        seen: Sequence[tuple[str, str]] = (),
        reminders: Sequence[tuple[str, float]] = (),
    ) -> Loaded:
        """Load documents into ``batch``, but for those that it holds already; the absent are noted as such.

        Also tells which of the messages ``seen`` (id, speaker) were handled before, and which of the ``reminders``
        (name, due) were neither replaced nor taken back.
        """
        execute = self._loader.execute
        documents = batch.documents
        decoders = {kind.name: kind.decode for kind, _ in refs}
        for name in {kind.name for kind, id in refs if id is None}:
            for id, body in execute("SELECT id, body FROM documents WHERE kind = ?", (name,)):
                if (name, id) not in documents:
                    documents[name, id] = decoders[name](body)
            batch.whole.add(name)
        if single := [(kind.name, id) for kind, id in refs if id is not None]:
            found = execute(
                "SELECT d.kind, d.id, d.body FROM json_each(?) AS j"
                " JOIN documents AS d ON d.kind = j.value ->> 0 AND d.id = j.value ->> 1",
                (msgspec.json.encode(single).decode(),),
            )
            documents.update(dict.fromkeys(single))
            for name, id, body in found:
                documents[name, id] = decoders[name](body)
        known: dict[tuple[str, str], Seen] = {}
        if seen:
            rows = execute(
                "SELECT s.id, s.speaker, s.at, s.fingerprint, s.reply FROM json_each(?) AS j"
                " JOIN seen AS s ON s.id = j.value ->> 0 AND s.speaker = j.value ->> 1",
                (msgspec.json.encode(seen).decode(),),
            )
            known = {(row[0], row[1]): Seen(*row) for row in rows}
        due: set[tuple[str, float]] = set()
        if reminders:
            rows = execute(
                "SELECT d.name, d.due FROM json_each(?) AS j JOIN deadlines AS d ON d.name = j.value",
                (msgspec.json.encode([name for name, _ in reminders]).decode(),),
            )
            due = set(rows) & set(reminders)
        return Loaded(known, due)

    async def commit(self, batch: Batch, outcome: Outcome) -> list[Row]:
        """Write the batch in one transaction; the events to say, numbered. Nothing is kept when it raises."""
        rows = [self._row(n, emitted) for n, emitted in enumerate(batch.emitted, self._next_n)]
        puts, deletes = [], []
        for (kind, id), state in batch.changed.items():
            if state is None:
                deletes.append((kind, id))
            else:
                puts.append((kind, id, msgspec.json.encode(state).decode()))
        set_, dropped = [], list[tuple[Any, ...]]()
        for reminder in batch.reminders.values():
            if reminder.due is None or reminder.body is None:
                dropped.append((reminder.name,))
            else:
                body = msgspec.json.encode(reminder.body)
                set_.append((reminder.name, reminder.due.timestamp(), body, reminder.saga))
        statements: list[tuple[str, Sequence[Any]]] = [
            ("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", outcome.seen),
            ("INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", puts),
            ("DELETE FROM documents WHERE kind = ? AND id = ?", deletes),
            ("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows),
            ("DELETE FROM deadlines WHERE name = ? AND due = ?", outcome.served),
            ("DELETE FROM deadlines WHERE name = ?", dropped),
            ("INSERT OR REPLACE INTO deadlines VALUES (?, ?, ?, ?)", set_),
            ("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)", outcome.dead),
            *batch.rows.items(),
        ]
        if outcome.positions:
            statements.append(("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)", [*outcome.positions.values()]))
        if outcome.sent is not None:
            statements += _sent(outcome.sent)
        await self._run(self._write, statements)
        self._next_n += len(rows)
        return rows

    def _write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Run the statements that have rows in one transaction; sqlite3 opens it with the first of them."""
        try:
            for sql, rows in statements:
                if rows:
                    self._writer.executemany(sql, map(tuple, rows))  # sqlite3 binds plain tuples faster
            self._writer.commit()
        except BaseException:
            self._writer.rollback()
            raise

    def _row(self, n: int, emitted: Emitted) -> Row:
        id, event, saga, cause, at = emitted
        kind = codec.NAMES[type(event)]
        return Row(n, id, kind, topology.subject(event, self._pod), saga, cause, at.timestamp(), codec.encode(event))

    @property
    def last_n(self) -> int:
        """The number of the last committed event."""
        return self._next_n - 1

    async def sent_through(self) -> int:
        """The relay's mark as of the last commit that noted it."""
        return int((await self.reader.rows("SELECT sent_through FROM relay"))[0][0])

    async def unsent(self, after: int, limit: int) -> list[Row]:
        """Committed events numbered above ``after``, in order: asked at start and after a loss only."""
        rows = await self.reader.rows(
            "SELECT n, id, kind, subject, saga, cause, at, body FROM outbox WHERE n > ? ORDER BY n LIMIT ?",
            (after, limit),
        )
        return [Row(*row) for row in rows]

    async def due(self, now: float, limit: int) -> list[Due]:
        """Reminders due by ``now`` (epoch seconds), earliest first."""
        query = "SELECT name, due, body, saga FROM deadlines WHERE due <= ? ORDER BY due LIMIT ?"
        return [Due(*row) for row in await self.reader.rows(query, (now, limit))]

    async def next_due(self) -> float | None:
        """When the next reminder is due (epoch seconds)."""
        rows = await self.reader.rows("SELECT min(due) FROM deadlines")
        return None if rows[0][0] is None else float(rows[0][0])

    async def postpone(self, reminder: Due, due: float) -> None:
        """Move a reminder that could not be handled to ``due`` (epoch seconds), unless it was replaced meanwhile."""
        move = ("UPDATE deadlines SET due = ? WHERE name = ? AND due = ?", [(due, reminder.name, reminder.due)])
        await self._run(self._write, [move])

    async def note_sent(self, sent_through: int, dead: Sequence[DeadLetter] = (), tips: Sequence[Tip] = ()) -> None:
        """Keep the relay's mark without waiting for the next batch."""
        await self._run(
            self._write,
            [
                *_sent(Sent(sent_through, tuple(tips))),
                ("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(dead)),
            ],
        )

    async def positions(self) -> dict[str, Position]:
        """How far each stream was heard, by stream."""
        return {row[0]: Position(*row) for row in await self.reader.rows("SELECT * FROM positions")}

    async def set_back(self, stream: str, floor: int) -> None:
        """Note that this is an older copy of the database, and that ``stream`` is heard from its beginning again."""
        self.floor = max(self.floor, floor)
        raised = ("UPDATE floor SET value = ?", [(self.floor,)])
        await self._run(self._write, [raised, ("DELETE FROM positions WHERE stream = ?", [(stream,)])])

    async def tips(self) -> dict[str, Tip]:
        """The last of what each stream has, by stream."""
        return {row[0]: Tip(*row) for row in await self.reader.rows("SELECT * FROM tips")}

    async def marks(self, stream: str, since: float) -> list[Tip]:
        """Earlier tips of a stream, of events said after ``since`` (epoch seconds), in order."""
        rows = await self.reader.rows("SELECT * FROM marks WHERE stream = ? AND at > ? ORDER BY n", (stream, since))
        return [Tip(*row) for row in rows]

    async def mark(self, tip: Tip, before: float) -> None:
        """Remember ``tip`` among the marks, and forget those of events said ``before`` then."""
        await self._run(
            self._write,
            [
                ("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?)", [tip]),
                ("DELETE FROM marks WHERE stream = ? AND at < ?", [(tip.stream, before)]),
            ],
        )

    async def last_before(self, at: float) -> int:
        """The number of the last event said before ``at`` (epoch seconds) of which there is still a record."""
        return int((await self.reader.rows("SELECT ifnull(max(n), 0) FROM outbox WHERE at < ?", (at,)))[0][0])

    async def unsay(self, stream: str, after: int, through: int) -> None:
        """Note that ``stream`` lost what was said of the events numbered above ``after``; the relay says rows above
        ``through`` again."""
        await self._run(
            self._write,
            [
                ("DELETE FROM tips WHERE stream = ?", [(stream,)]),
                ("DELETE FROM marks WHERE stream = ? AND n > ?", [(stream, after)]),
                ("INSERT INTO tips SELECT * FROM marks WHERE stream = ? ORDER BY n DESC LIMIT 1", [(stream,)]),
                ("UPDATE relay SET sent_through = ?", [(through,)]),
            ],
        )

    async def purge(self, now: float, keep: float, limit: int = 10_000) -> None:
        """Drop seen ids and acknowledged events older than ``keep`` seconds, at most ``limit`` of each."""
        old = now - keep
        await self._run(
            self._write,
            [
                ("DELETE FROM seen WHERE (id, speaker) IN (SELECT id, speaker FROM seen WHERE at < ? LIMIT ?)",
                 [(old, limit)]),
                ("DELETE FROM outbox WHERE n IN (SELECT n FROM outbox WHERE at < ?"
                 " AND n <= (SELECT sent_through FROM relay) ORDER BY n LIMIT ?)", [(old, limit)]),
            ]
        )  # fmt: skip


def _sent(sent: Sent) -> list[tuple[str, Sequence[Any]]]:
    return [
        ("UPDATE relay SET sent_through = ?", [(sent.through,)]),
        ("INSERT OR REPLACE INTO tips VALUES (?, ?, ?, ?, ?)", sent.tips),
    ]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    for pragma in ("synchronous = FULL", "busy_timeout = 2000", f"cache_size = -{CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def from_epoch(seconds: float) -> datetime:
    """Epoch seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
