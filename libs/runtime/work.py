"""A unit of work: what a handler sees of the store while it reacts to one message.

Handlers are synchronous and do no I/O. What they need is loaded before (their `Reaction.keys` names it), what they
change is written after, for a whole batch in one transaction. The same classes serve the store and the simulation.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from contracts.events import Event

T = TypeVar("T")
B = TypeVar("B", covariant=True)


class Local(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message that a service sends itself: a deadline that came due, or a task that ended."""


class Kind(Generic[T]):
    """A kind of document: its name in the store and the (tagged union) type of its states."""

    def __init__(self, name: str, states: Any) -> None:
        self.name = name
        self.decode: Callable[[bytes], T] = msgspec.json.Decoder(states).decode

    def __call__(self, id: str) -> "Ref":
        """The reference of one document, for `Reaction.keys`."""
        return Ref(self, id)  # a tuple: references are made and hashed by the hundred for each batch

    @property
    def every(self) -> "Ref":
        """The reference of all documents of this kind, for the few reactions that need them."""
        return Ref(self, None)


class Ref(NamedTuple):
    """A document, or with ``id`` None all documents of a kind."""

    kind: Kind[Any]
    id: str | None


@dataclass(frozen=True, slots=True)
class Message(Generic[B]):
    """What a handler reacts to: an event, a command or a `Local`.

    ``speaker`` comes from the subject (``pod:pod-1``, ``catalog``, ``intake:jenkins``) and can be trusted; for a
    command it is ``request``, for a `Local` it is ``self``. ``saga`` is the correlation id, empty outside a saga.
    """

    id: str
    speaker: str
    at: datetime
    saga: str
    body: B

    @property
    def pod(self) -> str:
        """The pod that speaks. Raises ValueError when no pod does."""
        who, _, pod = self.speaker.partition(":")
        if who != "pod" or not pod:
            raise ValueError(f"{self.speaker} is not a pod")
        return pod


class Emitted(NamedTuple):
    """An event to be said, under its own id."""

    id: str
    event: Event
    saga: str
    cause: str
    at: datetime


class Reminder(NamedTuple):
    """A message to self at ``due``; ``body`` None takes an earlier one back."""

    name: str
    due: datetime | None
    body: Local | None
    saga: str


@dataclass
class Batch:
    """The documents of a batch of messages and everything that its handlers decided so far."""

    new_id: Callable[[], str]
    floor: int = 0
    documents: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Loaded state by kind and id; None for a document that does not exist."""
    whole: set[str] = field(default_factory=set)
    """Kinds of which every document is loaded."""
    changed: dict[tuple[str, str], Any] = field(default_factory=dict)
    emitted: list[Emitted] = field(default_factory=list)
    reminders: dict[str, Reminder] = field(default_factory=dict)
    writes: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    sums: dict[tuple[str, Any], float] = field(default_factory=dict)
    """Amounts to add, by statement and key."""

    @property
    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of every statement for read-side tables, amounts summed up."""
        found = {statement: list(rows) for statement, rows in self.writes.items()}
        for (statement, key), amount in self.sums.items():
            if amount:
                found.setdefault(statement, []).append((key, amount))
        return found

    def holds(self, ref: Ref) -> bool:
        """Whether ``ref`` is loaded."""
        kind, id = ref
        return (kind.name, id) in self.documents or kind.name in self.whole

    def get(self, kind: Kind[T], id: str) -> T | None:
        """The state of a loaded document, None when there is none or when it is not loaded."""
        state: T | None = self.documents.get((kind.name, id))
        return state

    def accept(self, work: "Work") -> None:
        """Make the changes of a handler that returned part of the batch."""
        if work.changed:
            self.documents.update(work.changed)
            self.changed.update(work.changed)
        if work.emitted:
            self.emitted += work.emitted
        if work.reminders:
            self.reminders.update(work.reminders)
        if work.writes:
            for statement, rows in work.writes.items():
                self.writes.setdefault(statement, []).extend(rows)
        for what, amount in work.sums.items():
            self.sums[what] = self.sums.get(what, 0) + amount


class Work:
    """What one handler reads and decides; it joins the batch only if the handler returns."""

    __slots__ = ("_batch", "changed", "emitted", "message", "reminders", "saga", "sums", "writes")

    def __init__(self, batch: Batch, message: Message[Any]) -> None:
        self._batch = batch
        self.message = message
        self.changed: dict[tuple[str, str], Any] = {}
        self.emitted: list[Emitted] = []
        self.reminders: dict[str, Reminder] = {}
        self.writes: dict[str, list[tuple[Any, ...]]] = {}
        self.sums: dict[tuple[str, Any], float] = {}
        self.saga = message.saga

    def get(self, kind: Kind[T], id: str) -> T | None:
        """The state of a document, or None. Raises LookupError when the reaction's keys did not name it."""
        key = (kind.name, id)
        state: T | None
        if key in self.changed:
            state = self.changed[key]
        elif key in self._batch.documents:
            state = self._batch.documents[key]
        elif kind.name in self._batch.whole:
            state = None
        else:
            raise LookupError(f"{kind.name} {id} was not loaded: add it to the reaction's keys")
        return state

    def every(self, kind: Kind[T]) -> Iterator[tuple[str, T]]:
        """All documents of a kind by id. Raises LookupError when the reaction's keys did not name them."""
        if kind.name not in self._batch.whole:
            raise LookupError(f"all of {kind.name} was not loaded: add it to the reaction's keys")
        found = {id: state for (name, id), state in self._batch.documents.items() if name == kind.name}
        found.update({id: state for (name, id), state in self.changed.items() if name == kind.name})
        for id in sorted(found):
            if found[id] is not None:
                yield id, found[id]

    def before(self, kind: str, id: str) -> Any:
        """The state of a document as this handler found it, whatever was put since; None when there was none, or when
        it was not loaded."""
        return self._batch.documents.get((kind, id))

    def looked_for(self, kind: Kind[Any], id: str) -> bool:
        """Whether a document was loaded or put, so that `get` tells if it is there."""
        return (kind.name, id) in self.changed or self._batch.holds(kind(id))

    def put(self, kind: Kind[T], id: str, state: T | None) -> None:
        """Set the state of a document; None deletes it."""
        self.changed[kind.name, id] = state

    def emit(self, event: Event, *, saga: str | None = None) -> str:
        """Say an event after commit; the id under which it is said."""
        id = self._batch.new_id()
        self.emitted.append(Emitted(id, event, self.saga if saga is None else saga, self.message.id, self.message.at))
        return id

    def remind(self, name: str, due: datetime, body: Local, *, saga: str | None = None) -> None:
        """Hand ``body`` to this service at ``due``; replaces an earlier reminder of the same name."""
        self.reminders[name] = Reminder(name, due, body, self.saga if saga is None else saga)

    def forget(self, name: str) -> None:
        """Take a reminder back."""
        self.reminders[name] = Reminder(name, None, None, "")

    def write(self, statement: str, *row: Any) -> None:
        """Run one statement for a read-side table of the service in the same transaction (no reads)."""
        self.writes.setdefault(statement, []).append(row)

    def add(self, statement: str, key: Any, amount: float) -> None:
        """Add ``amount`` to the row ``key`` by a statement that takes the two. The messages of a batch that add to the
        same row cost one statement."""
        self.sums[statement, key] = self.sums.get((statement, key), 0) + amount

    @property
    def floor(self) -> int:
        """Above it an aggregate's next revision must be, besides being above its last one.

        0, until the service's database is found to be an older copy; then milliseconds since 1970 at that moment, more
        than any revision that was said from the newer one: listeners ignore a revision that they have heard.
        """
        return self._batch.floor

    def new_id(self) -> str:
        """A fresh id: UUIDv7 without dashes."""
        return self._batch.new_id()


Get: TypeAlias = Callable[[Kind[Any], str], Any]
Keys: TypeAlias = Callable[[Message[Any], Get], Iterable[Ref]]
Handle: TypeAlias = Callable[[Message[Any], Work], msgspec.Struct | None]


@dataclass(frozen=True, slots=True)
class Reaction:
    """How a service reacts to one type of message.

    ``keys`` names the documents that ``handle`` reads. It is asked again after each load (``get`` answers None for
    what is not loaded yet), so it may follow references: first a name, then the image that the name stands for.
    ``handle`` answers a command with its reply; a `Problem` must leave the work untouched. With ``refuses_anew`` a
    `Problem` is not kept for a repetition of the command: it says how things are at the time, and not what was done.
    """

    keys: Keys
    handle: Handle
    refuses_anew: bool = False
