"""Drives a service's reactions without store, broker or clock: for tables of tests and for the simulation.

A `Driver` is what the runtime does with one message, and nothing more: load the documents that `Reaction.keys` names
(asking again until nothing new is named), run the handler over a `Work`, and join its changes. Documents are kept as
the JSON bytes that the store would keep, so a state that does not survive encoding is found here.
"""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.requests import Command
from runtime.work import Batch, Emitted, Kind, Local, Message, Reaction, Ref, Reminder, T, Work

START = datetime(2024, 1, 1, tzinfo=UTC)
"""The time of a driver that was never told another."""


class Driver:
    """One service at work over a dict.

    ``documents`` is what is stored (JSON by kind name and id), ``emitted`` everything said so far, ``reminders`` what
    is still to come due by name, ``writes`` the rows for read-side tables, ``reply`` the last handler's return value,
    ``now`` the time given to messages that bring none, ``floor`` that of the work (`Work.floor`). ``ids`` tells the ids
    of one driver from those of another: two hex digits at their end, after a counter, so that they sort by age as a
    UUIDv7 does.
    """

    def __init__(self, reactions: Mapping[type, Reaction], *, ids: str = "00", dedupe: bool = True) -> None:
        self.reactions = reactions
        self.documents: dict[tuple[str, str], bytes] = {}
        self.emitted: list[Emitted] = []
        self.reminders: dict[str, Reminder] = {}
        self.writes: list[tuple[str, tuple[Any, ...]]] = []
        self.seen: set[tuple[str, str]] = set()
        self.reply: msgspec.Struct | None = None
        self.now = START
        self.floor = 0
        self._dedupe = dedupe
        self._suffix = ids
        self._counter = itertools.count(1)

    def new_id(self) -> str:
        """The next id: 32 hex digits, increasing."""
        return f"{next(self._counter):030x}{self._suffix}"

    def get(self, kind: Kind[T], id: str) -> T | None:
        """The stored state of a document, or None."""
        body = self.documents.get((kind.name, id))
        return None if body is None else kind.decode(body)

    def all(self, kind: Kind[T]) -> dict[str, T]:
        """The stored documents of a kind by id."""
        return {id: kind.decode(body) for (name, id), body in sorted(self.documents.items()) if name == kind.name}

    def message(
        self, body: Any, speaker: str, *, saga: str = "", id: str | None = None, at: datetime | None = None
    ) -> Message[Any]:
        """A message with ``body``; its id is fresh and its time the driver's unless given."""
        return Message(id or self.new_id(), speaker, at or self.now, saga, body)

    def deliver(self, message: Message[Any], *, crash: bool = False) -> list[Emitted]:
        """Handle one message; what it made the service say.

        A message seen before (by speaker and id) does nothing, as in the store, unless the driver was made with
        ``dedupe`` False. With ``crash`` the handler runs and nothing of it is kept: the process died before commit.

        Raises:
            KeyError: the service has no reaction to this type.
            Exception: whatever the handler raises; nothing of its work is kept then.
        """
        self.reply = None
        mark = (message.speaker, message.id)
        if self._dedupe and mark in self.seen:
            return []
        reaction = self.reactions[type(message.body)]
        batch = self._load(reaction, message)
        work = Work(batch, message)
        reply = reaction.handle(message, work)
        if isinstance(reply, Problem):
            left = [*work.changed, *work.emitted, *work.reminders, *work.writes, *work.sums]
            assert not left, f"a Problem changed something: {left}"
        if crash:
            return []
        batch.accept(work)
        self._commit(batch)
        if not (isinstance(reply, Problem) and reaction.refuses_anew):
            self.seen.add(mark)
        self.reply = reply
        return batch.emitted

    def say(self, body: Any, speaker: str, **given: Any) -> list[Emitted]:
        """Deliver ``body`` as a message of ``speaker`` (``pod:pod-1``, ``replicator``, ``intake:jenkins``)."""
        return self.deliver(self.message(body, speaker, **given))

    def ask(self, command: Command) -> msgspec.Struct:
        """Deliver a command; its reply."""
        self.deliver(self.message(command, "request", id=command.id))
        assert self.reply is not None, "a command must be answered"
        return self.reply

    def pass_time(self, seconds: float) -> list[Emitted]:
        """Move the clock on and deliver the reminders that come due on the way, in order; what was said."""
        end = self.now + timedelta(seconds=seconds)
        said: list[Emitted] = []
        while due := [one for one in self.reminders.values() if one.due is not None and one.due <= end]:
            next_one = min(due, key=lambda one: (one.due, one.name))
            assert next_one.due is not None
            self.now = max(self.now, next_one.due)
            del self.reminders[next_one.name]
            said += self.deliver(self.message(next_one.body, "self", saga=next_one.saga))
        self.now = end
        return said

    def events(self, said: list[Emitted] | None = None) -> list[Any]:
        """The bodies of ``said``, or of everything said so far."""
        return [one.event for one in (self.emitted if said is None else said)]

    def _load(self, reaction: Reaction, message: Message[Any]) -> Batch:
        batch = Batch(new_id=self.new_id, floor=self.floor)
        while missing := [ref for ref in reaction.keys(message, batch.get) if not batch.holds(ref)]:
            for ref in missing:
                self._load_one(batch, ref)
        return batch

    def _load_one(self, batch: Batch, ref: Ref) -> None:
        kind, id = ref.kind, ref.id
        if id is None:
            batch.documents.update({(kind.name, one): state for one, state in self.all(kind).items()})
            batch.whole.add(kind.name)
        else:
            batch.documents[kind.name, id] = self.get(kind, id)

    def _commit(self, batch: Batch) -> None:
        for key, state in batch.changed.items():
            if state is None:
                self.documents.pop(key, None)
            else:
                self.documents[key] = msgspec.json.encode(state)
        self.emitted.extend(batch.emitted)
        for name, reminder in batch.reminders.items():
            if isinstance(reminder.body, Local):
                self.reminders[name] = reminder
            else:
                self.reminders.pop(name, None)
        for statement, rows in batch.rows.items():
            self.writes.extend((statement, row) for row in rows)
