"""What a connector decides on each word about a pool, in whatever order the words come, and what it says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pooled import ASSIGNMENT, CUSTOM, NOW

from connector import messages
from connector.domain.desktop import Desktop, Found
from connector.domain.pools import MOST, Pool, Told, fitting
from connector.domain.seat_views import made_from, views
from connector.domain.seats import Plan, desired, plan
from connector.handlers import reactions
from connector.messages import PoolSeen
from connector.pools.reactions import GONE, POOL, TOLD
from contracts import codec
from contracts.desktops import DataDisk, Endpoint, Seat, Shape, Wanted
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.from_pods import AssignmentReported
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn
from contracts.topology import MAX_MESSAGE
from runtime.work import Batch, Message, Work

OLD, NEW = "1" * 32, "2" * 32
FAILURE = Failure(code="no_space", step="pool", text="full", retry=True)
WANTED = Wanted(
    assignment=ASSIGNMENT,
    name="lab",
    tenant="tenant",
    image="image",
    version=NEW,
    number="1.1.0",
    copy=f"{NEW}_pod-1_0",
    digest="d" * 64,
    seats=2,
    customisation=CUSTOM,
)


class World:
    """The documents of one connector; messages are handled as the processor handles them."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Any] = {}
        self.reminders: dict[str, Any] = {}
        self._reactions = reactions("pod-1")

    def hear(self, body: Any, at: datetime = NOW, saga: str = "saga") -> list[Event]:
        message = Message("m", "hub", at, saga, body)
        batch = Batch(lambda: "e")
        reaction = self._reactions[type(body)]
        for ref in reaction.keys(message, batch.get):
            batch.documents[ref.kind.name, ref.id or ""] = self.documents.get((ref.kind.name, ref.id or ""))
        work = Work(batch, message)
        assert reaction.handle(message, work) is None
        batch.accept(work)
        self.documents.update(batch.changed)
        self.reminders.update(batch.reminders)
        return [emitted.event for emitted in batch.emitted]

    def seen(self, told: Told, asked: datetime = NOW) -> list[Event]:
        return self.hear(PoolSeen(assignment=ASSIGNMENT, asked=asked, told=told))

    @property
    def pool(self) -> Pool | None:
        found: Pool | None = self.documents.get((POOL.name, ASSIGNMENT))
        return found


@pytest.fixture
def world() -> World:
    return World()


def asked(attempt: int = 1, **more: Any) -> AssignmentRequested:
    wanted = msgspec.structs.replace(WANTED, **more)
    return AssignmentRequested(pod="pod-1", assignment=ASSIGNMENT, attempt=attempt, wanted=wanted)


def taken(attempt: int = 1, *, force: bool = False) -> AssignmentWithdrawn:
    return AssignmentWithdrawn(pod="pod-1", assignment=ASSIGNMENT, attempt=attempt, force=force)


def told(attempt: int, state: Any, version: str = NEW, **more: Any) -> Told:
    return Told(attempt=attempt, state=state, version=version, **more)


def said(events: Sequence[Event]) -> list[tuple[int, str, str]]:
    return [(e.attempt, e.state, e.version) for e in events if isinstance(e, AssignmentReported)]


def test_a_word_is_answered_at_once_and_its_end_is_told_once(world: World) -> None:
    assert said(world.hear(asked())) == [(1, "VALIDATING", "")]
    assert said(world.seen(told(1, "UPDATING", ""))) == [(1, "UPDATING", "")]
    assert said(world.seen(told(1, "IN_SYNC"))) == [(1, "IN_SYNC", NEW)]
    assert world.seen(told(1, "IN_SYNC")) == []
    assert world.pool is not None
    assert world.pool.saga == "", "what users do later is no part of the job"


def test_the_same_word_again_is_answered_with_how_it_stands_now(world: World) -> None:
    world.hear(asked())
    world.seen(told(1, "UPDATE_FAILED", OLD, failure=FAILURE))
    assert said(world.hear(asked(), NOW + timedelta(hours=1))) == [(1, "UPDATE_FAILED", OLD)]
    assert world.pool is not None
    assert world.pool.failure == FAILURE, "what failed stays failed: a new try is a new attempt"
    assert said(world.hear(asked(2))) == [(2, "VALIDATING", OLD)]
    assert world.pool is not None
    assert world.pool.failure is None


def test_what_came_of_a_former_word_counts_no_more(world: World) -> None:
    world.hear(asked())
    world.hear(asked(2, seats=3), NOW + timedelta(seconds=1))
    assert world.seen(told(1, "IN_SYNC")) == []
    assert world.seen(told(2, "IN_SYNC")) == []
    assert said(world.seen(told(2, "IN_SYNC"), NOW + timedelta(seconds=1))) == [(2, "IN_SYNC", NEW)]


def test_late_words_are_void_and_those_of_a_restored_hub_are_not(world: World) -> None:
    world.hear(asked(5))
    assert world.hear(asked(4, seats=9)) == []
    assert world.hear(asked(5, seats=9)) == []
    assert world.hear(taken(4)) == []
    assert world.pool is not None
    assert world.pool.wanted == WANTED
    assert said(world.hear(asked(2, seats=9), NOW + timedelta(seconds=1))) == [(2, "VALIDATING", "")]


def test_a_pool_that_is_gone_is_not_brought_back_by_a_late_word(world: World) -> None:
    world.hear(asked(1))
    assert world.hear(taken(2)) == []
    assert world.hear(asked(1)) == []
    assert said(world.seen(told(2, "REMOVED", ""))) == [(2, "REMOVED", "")]
    assert world.pool is None
    assert world.documents[TOLD.name, ASSIGNMENT] is None
    assert world.hear(asked(1)) == []
    assert said(world.hear(taken(2), NOW + timedelta(seconds=1))) == [(2, "REMOVED", "")]
    assert world.hear(taken(1)) == []
    assert said(world.hear(asked(3))) == [(3, "VALIDATING", "")]
    assert world.documents[GONE.name, ASSIGNMENT] is None
    assert world.reminders[f"pool:{ASSIGNMENT}"].body is None


def test_what_is_known_of_a_pool_that_is_gone_is_forgotten_after_a_while(world: World) -> None:
    world.hear(taken(2))
    world.seen(told(2, "REMOVED", ""))
    world.hear(world.reminders[f"pool:{ASSIGNMENT}"].body)
    assert world.documents[GONE.name, ASSIGNMENT] is None


def test_force_may_be_added_to_a_removal_under_way(world: World) -> None:
    world.hear(taken(2))
    world.hear(taken(2, force=True), NOW + timedelta(seconds=1))
    assert world.pool is not None
    assert world.pool.force


def test_a_wish_for_another_assignment_than_the_words_own_is_read_as_the_words(world: World) -> None:
    world.hear(asked(assignment="../elsewhere"))
    assert world.pool is not None
    assert world.pool.wanted is not None
    assert world.pool.wanted.assignment == ASSIGNMENT


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_any_order_of_delivery_the_last_word_stands(order: Sequence[int]) -> None:
    words = [asked(1), asked(2, seats=3), taken(3), asked(4, seats=4)]
    world = World()
    for n in order:
        world.hear(words[n], NOW + timedelta(seconds=n))
    assert world.pool is not None
    assert world.pool.wanted is not None
    assert (world.pool.attempt, world.pool.wanted.seats) == (4, 4)


# --- what is to be done -----------------------------------------------------------------------------------------------


def made(seat: Desktop, **more: Any) -> Desktop:
    return msgspec.structs.replace(seat, **more)


CHANGES = {
    "nothing": ({}, {}, "idle"),
    "version": ({"version": NEW, "digest": "e" * 64}, {}, "make"),
    "content": ({"digest": "e" * 64}, {}, "make"),
    "rebuild": ({"rebuild": 3}, {}, "make"),
    "disk size": ({"shape": Shape(disk_gib=9)}, {}, "make"),
    "shape": ({"shape": Shape(vcpus=9)}, {}, "amend"),
    "data disk": ({"disks": (DataDisk(lun=1, size_gib=1),)}, {}, "amend"),
    "name": ({"name": "other"}, {}, "amend"),
    "fewer": ({"seats": 0}, {}, "remove"),
    "version, in use": ({"version": OLD}, {"user": "ada"}, "wait"),
    "version, in use, forced": ({"version": OLD, "logoff": "force"}, {"user": "ada"}, "make"),
    "shape, in use": ({"shape": Shape(vcpus=9)}, {"user": "ada"}, "amend"),
    "fewer, in use": ({"seats": 0}, {"user": "ada"}, "wait"),
    "fewer, in use, forced": ({"seats": 0, "logoff": "force"}, {"user": "ada"}, "remove"),
}


@pytest.mark.parametrize(("changes", "found", "done"), CHANGES.values(), ids=CHANGES)
def test_each_change_of_a_wish_costs_what_it_must(changes: dict[str, Any], found: dict[str, Any], done: str) -> None:
    wanted = msgspec.structs.replace(WANTED, seats=1)
    there = Found("desk-1", desired(wanted, "pod-1")["desk-1"], **found)
    todo = plan(msgspec.structs.replace(wanted, **changes), "pod-1", [there])
    assert [name for name in ("make", "amend", "remove", "wait") if getattr(todo, name)] == [
        name for name in (done,) if name != "idle"
    ]
    assert (todo == Plan()) == (done == "idle")


@given(
    st.integers(0, 4),
    st.dictionaries(st.integers(1, 6), st.tuples(st.sampled_from([OLD, NEW]), st.sampled_from(["", "ada"]))),
    st.sampled_from(["wait", "force"]),
)
def test_what_is_planned_leads_to_what_is_wanted_and_takes_nothing_from_users(
    seats: int, before: dict[int, tuple[str, str]], logoff: Any
) -> None:
    wanted = msgspec.structs.replace(WANTED, seats=seats, logoff=logoff)
    some = desired(msgspec.structs.replace(WANTED, seats=6), "pod-1")
    there = {
        f"desk-{n}": Found(f"desk-{n}", made(some[f"desk-{n}"], version=version), user)
        for n, (version, user) in before.items()
    }
    todo = plan(wanted, "pod-1", there.values())
    if logoff == "wait":
        assert not any(there[seat.name].user for seat in todo.make if seat.name in there)
        assert not any(there[name].user for name in todo.remove)
    for seat in (*todo.make, *todo.amend):
        there[seat.name] = Found(seat.name, seat)
    for name in todo.remove:
        del there[name]
    after = plan(wanted, "pod-1", there.values())
    assert after.idle
    assert set(after.wait) == set(todo.wait)
    told = views(wanted, there.values())
    assert len({seat.name for seat in told}) == len(told) == len({*some} & {seat.name for seat in told})
    if after.done:
        assert {seat.version for seat in told} <= {NEW}
        assert made_from(wanted, there.values(), done=True) == NEW


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["", "ada", "u" * 128, '"' * 128, "\U0001f600" * 128])
def test_a_report_of_two_hundred_seats_with_long_names_is_one_message(world: World, user: str) -> None:
    seats = tuple(
        Seat(
            name=f"{n:03}-".ljust(63, "x"),
            state="WAITING_INSTALL",
            version=NEW,
            model="m" * 64,
            user=user,
            last_used=NOW + timedelta(microseconds=n),
            failure="f" * 200,
        )
        for n in range(200)
    )
    world.hear(asked())
    (report,) = world.seen(told(1, "UPDATE_FAILED", seats=seats, failure=FAILURE))
    assert isinstance(report, AssignmentReported)
    assert len(codec.encode(report)) < MAX_MESSAGE
    assert len(msgspec.json.encode(report.seats)) <= MOST
    assert [bool(seat.user) for seat in report.seats] == [bool(user)] * 200
    assert [seat.name for seat in report.seats] == [seat.name for seat in seats]
    assert fitting(seats[:20]) == seats[:20], "a small pool tells everything"
    others = tuple(msgspec.structs.replace(seat, name=f"old-{seat.name[:50]}") for seat in seats)
    assert fitting((*seats, *others)) == report.seats, "those that are still to go are left out"


def test_a_seat_that_could_not_be_made_says_why() -> None:
    wanted = msgspec.structs.replace(WANTED, kind="endpoint", endpoints=(Endpoint(name="a", model="m"),))
    assert [s.state for s in views(wanted, [], failure=FAILURE, failed="a")] == ["FAILED"]
    (seat,) = views(msgspec.structs.replace(WANTED, seats=1), [], failure=FAILURE, failed="desk-1")
    assert (seat.state, seat.failure) == ("FAILED", "full")


def test_messages_to_itself_survive_the_store() -> None:
    body = PoolSeen(assignment=ASSIGNMENT, asked=NOW, told=told(1, "IN_SYNC"))
    decoder = msgspec.json.Decoder(messages.LOCAL)
    assert decoder.decode(msgspec.json.encode(body)) == body
