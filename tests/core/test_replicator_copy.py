"""The copy's decider: every state against every order and report."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.errors import Failure
from contracts.events.from_pods import CopyCorrupted, CopyDropped, CopyFinalised, CopyRejected, CopyTransferred
from contracts.terms import Override, Terms
from core.driver import START
from core.replicating import (
    DEADLINE,
    FILES,
    MANIFEST,
    SAGA,
    TENANT,
    VERSION,
    corrupted,
    dropped,
    finalised,
    rejected,
    transferred,
)
from replicator.domain.copy import (
    HISTORY,
    Absent,
    Available,
    Cancelled,
    Copy,
    Corrupt,
    Deleting,
    Failed,
    Finalizing,
    Missing,
    Pending,
    Replicating,
    RetryPending,
    Skipped,
    endless,
    leaving,
    siblings,
    underway,
    unfinished,
    wanted,
)
from replicator.domain.facts import SERVERS, Delayed, GaveUp, Plan, evolve
from replicator.domain.placement import Placement
from replicator.domain.retry import Policy
from replicator.domain.verdict import (
    Cancel,
    Drop,
    Expire,
    Forget,
    Lose,
    Note,
    Pause,
    Renew,
    Start,
    Wait,
    decide,
    goes_on,
    judge,
    judge_drop,
    judge_loss,
    judge_stall,
)

FAILURE = Failure(code="io_error", step="write", text="it broke")
COMMON: dict[str, Any] = {
    "version": VERSION, "image": "image-1", "pod": "pod-2", "replica": 0, "publication": 1, "saga": SAGA,
    "attempt": 1, "made": 1, "updated": START,
}  # fmt: skip
PENDING = Pending(**COMMON | {"attempt": 0})
REPLICATING = Replicating(**COMMON)
RETRYING = RetryPending(**COMMON, failure=FAILURE, next_attempt=START)
FINALIZING = Finalizing(**COMMON)
AVAILABLE = Available(**COMMON, digest=MANIFEST.digest, item="item-1", datastore="store", files=FILES)
FAILED = Failed(**COMMON, failure=FAILURE)
SKIPPED = Skipped(**COMMON, reason="format_unsupported: disk 0")
CORRUPT = Corrupt(**COMMON | {"first": 2, "withdrawn": 1, "repairing": True}, failure=FAILURE)
MISSING = Missing(**COMMON | {"first": 2, "withdrawn": 1, "repairing": True}, failure=FAILURE)
CANCELLED = Cancelled(**COMMON | {"withdrawn": 1}, reason="cancelled")
GOING = Cancelled(**COMMON | {"withdrawn": 1}, reason="unpublished", going=True)
DELETING = Deleting(**COMMON | {"withdrawn": 1}, reason="unpublished")
ABSENT = Absent(**COMMON | {"withdrawn": 1, "freed": 1})
STATES: tuple[Copy, ...] = (
    PENDING, REPLICATING, RETRYING, FINALIZING, AVAILABLE, FAILED, SKIPPED, CORRUPT, MISSING, CANCELLED, GOING,
    DELETING, ABSENT,
)  # fmt: skip
PLACEMENT = Placement(
    version=VERSION, image="image-1", tenant=TENANT, publication=1, saga=SAGA, manifest=MANIFEST,
    digest=MANIFEST.digest, deadline=DEADLINE, began=START, wanted=1,
)  # fmt: skip
POLICY = Policy(max_attempts=3, backoff=(5.0, 30.0))
PLAN = Plan(placement=PLACEMENT, pod="pod-2", replica=0)


def name(copy: Copy | None) -> str:
    if isinstance(copy, Cancelled) and copy.going:
        return G
    return "-" if copy is None else str(copy.__struct_config__.tag)


def after(copy: Copy | None, order: Any) -> Copy | None:
    """The copy after an order or a report."""
    if isinstance(order, CopyCorrupted):
        facts = judge_loss(copy, order)
    elif isinstance(order, CopyDropped):
        facts = judge_drop(copy, order)
    elif isinstance(order, CopyTransferred | CopyFinalised | CopyRejected):
        facts = judge(copy, order, PLACEMENT, POLICY, START)
    else:
        facts = decide(copy, order)
    for fact in facts:
        copy = evolve(copy, fact, START)
    return copy


ORDERS: dict[str, Any] = {
    "plan": PLAN,
    "plan to skip": msgspec.structs.replace(PLAN, skip="why not"),
    "start": Start(),
    "wait": Wait(),
    "expire": Expire(1, offline=True),
    "expire another publish": Expire(2, offline=True),
    "pause": Pause(),
    "cancel": Cancel(),
    "drop": Drop("unpublished"),
    "forget": Forget("the pod is no more"),
    "lose": Lose("MISSING", FAILURE),
    "renew": Renew(PLAN),
    "note": Note(PLAN),
    "dropped": dropped("pod-2"),
    "dropped, later attempt": dropped("pod-2", 2),
    "transferred": transferred("pod-2"),
    "finalised": finalised("pod-2"),
    "rejected, retry": rejected("pod-2"),
    "rejected for good": rejected("pod-2", retry=False),
    "transferred, wrong digest": transferred("pod-2", digest="0" * 64),
    "finalised, wrong digest": finalised("pod-2", digest="0" * 64),
    "finalised, a file missing": finalised("pod-2", files=FILES[:1]),
    "finalised, earlier attempt": finalised("pod-2", attempt=0),
    "finalised, later attempt": finalised("pod-2", attempt=2),
    "corrupted": corrupted("pod-2"),
    "corrupted, other content": corrupted("pod-2", digest="0" * 64),
}
P, R, Y, F, A, X, S = "PENDING", "REPLICATING", "RETRY_PENDING", "FINALIZING", "AVAILABLE", "FAILED", "SKIPPED"
C, M, L, G, D, N = "CORRUPT", "MISSING", "CANCELLED", "GOING", "DELETING", "ABSENT"
TABLE: dict[str, tuple[str, ...]] = {
    #                              P  R  Y  F  A  X  S  C  M  L  G  D  N
    "plan":                       (P, P, P, P, A, P, P, P, P, P, P, P, P),
    "plan to skip":               (S, S, S, S, A, S, S, S, S, S, S, S, S),
    "start":                      (R, R, R, F, A, X, S, R, R, L, G, D, N),
    "wait":                       (P, R, P, F, A, X, S, C, M, L, G, D, N),
    "expire":                     (X, X, X, X, A, X, S, C, M, L, G, D, N),
    "expire another publish":     (P, R, Y, F, A, X, S, C, M, L, G, D, N),
    "pause":                      (P, P, Y, P, A, X, S, C, M, L, G, D, N),
    "cancel":                     (L, L, L, L, A, X, S, C, M, L, G, D, N),
    "drop":                       (N, G, G, G, D, D, D, D, D, D, G, D, N),
    "forget":                     (N, N, N, N, N, N, N, N, N, N, N, N, N),
    "lose":                       (P, R, Y, F, M, X, S, C, M, L, G, D, N),
    "renew":                      (P, R, Y, F, A, P, S, C, M, P, G, D, N),
    "note":                       (P, R, Y, F, A, X, S, C, M, L, G, D, N),
    "dropped":                    (P, R, Y, F, A, X, S, C, M, L, N, N, N),
    "dropped, later attempt":     (P, R, Y, F, A, X, S, C, M, L, G, D, N),
    "transferred":                (P, F, Y, F, A, X, S, C, M, L, G, D, N),
    "finalised":                  (P, A, A, A, A, A, S, C, M, L, G, D, N),
    "rejected, retry":            (P, Y, Y, Y, A, X, S, C, M, L, G, D, N),
    "rejected for good":          (P, X, Y, X, A, X, S, C, M, L, G, D, N),
    "transferred, wrong digest":  (P, Y, Y, Y, A, X, S, C, M, L, G, D, N),
    "finalised, wrong digest":    (P, Y, Y, Y, A, X, S, C, M, L, G, D, N),
    "finalised, a file missing":  (P, Y, Y, Y, A, X, S, C, M, L, G, D, N),
    "finalised, earlier attempt": (P, R, Y, F, A, X, S, C, M, L, G, D, N),
    "finalised, later attempt":   (P, R, Y, F, A, X, S, C, M, L, G, D, N),
    "corrupted":                  (P, R, Y, F, C, X, S, C, M, L, G, D, N),
    "corrupted, other content":   (P, R, Y, F, C, X, S, C, M, L, G, D, N),
}  # fmt: skip


@pytest.mark.parametrize(
    ("order", "state", "expected"),
    [
        pytest.param(order, state, to, id=f"{name(state)} and {order}")
        for order, row in TABLE.items()
        for state, to in zip(STATES, row, strict=True)
    ],
)
def test_every_state_answers_every_message(order: str, state: Copy, expected: str) -> None:
    assert name(after(state, ORDERS[order])) == expected


def test_the_table_is_complete() -> None:
    assert TABLE.keys() == ORDERS.keys()


def test_only_finalised_ends_in_available() -> None:
    ends = {order for order, row in TABLE.items() for state, to in zip(STATES, row, strict=True)
            if to == A and state is not AVAILABLE}  # fmt: skip
    assert ends == {"finalised"}


@pytest.mark.parametrize("state", STATES, ids=name)
def test_a_state_survives_its_encoding(state: Copy) -> None:
    assert msgspec.json.decode(msgspec.json.encode(state), type=Copy) == state


@pytest.mark.parametrize("state", [REPLICATING, FINALIZING, RETRYING], ids=name)
def test_what_arrives_after_a_withdrawal_does_not_count(state: Copy) -> None:
    ended = after(state, Expire(1, offline=False))
    assert isinstance(ended, Failed)
    assert ended.withdrawn == ended.attempt == 1
    assert after(ended, finalised("pod-2")) is ended


def test_after_a_withdrawal_only_a_new_attempt_can_succeed() -> None:
    again = after(after(after(REPLICATING, Expire(1, offline=False)), PLAN), Start())
    assert isinstance(again, Replicating)
    assert again.attempt == 2
    assert name(after(again, finalised("pod-2", attempt=1))) == R
    assert name(after(again, finalised("pod-2", attempt=2))) == A


def test_a_copy_that_was_never_asked_for_has_nothing_to_withdraw() -> None:
    ended = after(PENDING, Expire(1, offline=True))
    assert isinstance(ended, Failed)
    assert (ended.withdrawn, ended.failure.code) == (0, "pod_offline")


@pytest.mark.parametrize(
    ("state", "offline", "code"),
    [
        (PENDING, True, "pod_offline"),
        (PENDING, False, "deadline_exceeded"),
        (REPLICATING, True, "deadline_exceeded"),
        (RETRYING, False, "deadline_exceeded"),
        (FINALIZING, False, "deadline_exceeded"),
    ],
)
def test_a_deadline_names_what_was_missing(state: Copy, offline: bool, code: str) -> None:
    ended = after(state, Expire(1, offline=offline))
    assert isinstance(ended, Failed)
    assert ended.failure.code == code
    assert ended.failure.hint


@pytest.mark.parametrize("state", [REPLICATING, FINALIZING, RETRYING, FAILED], ids=name)
def test_wrong_bytes_are_withdrawn_wherever_they_turn_up(state: Copy) -> None:
    spoiled = after(state, finalised("pod-2", digest="0" * 64))
    assert spoiled is not None
    assert spoiled.withdrawn == 1
    assert after(spoiled, finalised("pod-2")) == spoiled


def test_wrong_bytes_are_a_failed_attempt_that_is_made_again() -> None:
    spoiled = after(REPLICATING, finalised("pod-2", files=(FILES[0], msgspec.structs.replace(FILES[1], root="0" * 64))))
    assert isinstance(spoiled, RetryPending)
    assert (spoiled.failure.code, spoiled.failure.text) == ("digest_mismatch", "disk 1 has other bytes")


def test_attempts_are_counted_for_each_publish_alone() -> None:
    copy: Copy | None = PENDING
    for attempt in (1, 2):
        copy = after(after(copy, Start()), rejected("pod-2", attempt))
        assert name(copy) == Y
    copy = after(after(copy, Start()), rejected("pod-2", 3))
    assert name(copy) == X
    copy = after(after(copy, PLAN), Start())
    assert isinstance(copy, Replicating)
    assert (copy.attempt, len(copy.history)) == (4, 3)
    assert name(after(copy, rejected("pod-2", 4))) == Y


def test_each_delay_is_longer_and_lies_within_its_jitter() -> None:
    copy: Copy | None = PENDING
    delays = []
    for attempt in (1, 2):
        copy = after(after(copy, Start()), rejected("pod-2", attempt))
        assert isinstance(copy, RetryPending)
        delays.append((copy.next_attempt - START) / timedelta(seconds=1))
    assert 5 <= delays[0] <= 6
    assert 30 <= delays[1] <= 36


def test_a_failed_copy_heals_when_its_connector_finishes_after_all() -> None:
    healed = after(FAILED, finalised("pod-2"))
    assert isinstance(healed, Available)
    assert (healed.item, healed.bytes_network, healed.bytes_reused) == ("item-1", 1200, 300)


def test_an_available_copy_with_other_content_is_made_anew() -> None:
    other = msgspec.structs.replace(AVAILABLE, digest="0" * 64)
    assert name(after(other, PLAN)) == P


def test_revisions_count_what_was_said_and_nothing_else() -> None:
    copy: Copy | None = None
    seen = []
    orders = (PLAN, Start(), rejected("pod-2"), Wait(), Start(), transferred("pod-2", 2), finalised("pod-2", 2), PLAN)
    for order in orders:
        copy = after(copy, order)
        assert copy is not None
        seen.append(copy.revision)
    assert seen == [1, 2, 3, 3, 4, 4, 5, 6]


def test_the_history_keeps_the_latest_failures() -> None:
    copy: Copy = REPLICATING
    for number in range(HISTORY + 5):
        copy = evolve(copy, GaveUp(msgspec.structs.replace(FAILURE, text=str(number))), START)
    assert [failure.text for failure in copy.history] == [str(number) for number in range(5, HISTORY + 5)]


def test_a_pods_words_are_cut_to_size_and_its_unknown_codes_become_internal() -> None:
    words = Failure(code="c" * 9000, step="s" * 9000, text="t" * 9000, hint="h" * 9000, retry=True)
    facts = judge(
        REPLICATING,
        msgspec.structs.replace(rejected("pod-2"), failure=words),
        PLACEMENT, POLICY, START,
    )  # fmt: skip
    assert isinstance(facts[0], Delayed)
    kept = facts[0].failure
    assert (kept.code, len(kept.step), len(kept.text), len(kept.hint)) == ("internal", 40, 500, 500)


def test_unfinished_are_the_states_on_the_way() -> None:
    assert [name(state) for state in STATES if unfinished(state)] == [P, R, Y, F, C, M]
    assert not unfinished(None)


@pytest.mark.parametrize("order", [Start(), Wait(), Expire(1, offline=True), finalised("pod-2")])
def test_a_copy_that_does_not_exist_answers_nothing_but_a_plan(order: Any) -> None:
    assert after(None, order) is None


def test_a_lost_copy_keeps_its_failure_and_is_made_again_with_all_its_attempts() -> None:
    lost = after(msgspec.structs.replace(AVAILABLE, attempt=3, first=1), corrupted("pod-2"))
    assert isinstance(lost, Corrupt)
    assert (lost.first, lost.repairing, lost.revision) == (4, True, 1)
    assert lost.history == (lost.failure,) == (corrupted("pod-2").failure,)
    copy: Copy | None = lost
    for attempt in (4, 5):
        copy = after(after(copy, Start()), rejected("pod-2", attempt))
        assert name(copy) == Y
    copy = after(after(copy, Start()), rejected("pod-2", 6))
    assert isinstance(copy, Failed)
    assert not copy.repairing


@pytest.mark.parametrize("words", [finalised("pod-2"), transferred("pod-2"), rejected("pod-2", retry=False)])
def test_no_late_word_about_the_attempt_that_was_lost_ends_its_repair(words: Any) -> None:
    repairing = after(CORRUPT, Start())
    assert isinstance(repairing, Replicating)
    for state in (CORRUPT, repairing, after(repairing, rejected("pod-2", 2))):
        assert after(state, words) == state


def test_no_late_word_about_the_attempt_that_was_lost_counts_for_the_publish_that_takes_its_repair_over() -> None:
    for loss in (corrupted("pod-2"), Lose("MISSING", FAILURE)):
        planned = after(after(AVAILABLE, loss), PLAN)
        assert isinstance(planned, Pending)
        assert after(planned, finalised("pod-2")) is planned


@pytest.mark.parametrize("order", [None, rejected("pod-2", 2), transferred("pod-2", 2)])
def test_no_deadline_of_a_publish_ends_a_repair(order: Any) -> None:
    copy = after(CORRUPT, Start())
    copy = copy if order is None else after(copy, order)
    assert copy is not None
    assert copy.repairing
    assert after(copy, Expire(1, offline=False)) == copy


def test_a_repaired_copy_is_as_any_other() -> None:
    healed = after(after(CORRUPT, Start()), finalised("pod-2", 2))
    assert isinstance(healed, Available)
    assert not healed.repairing
    assert name(after(healed, corrupted("pod-2"))) == C


def test_a_publish_takes_a_repair_over_with_its_own_deadline() -> None:
    for state in (CORRUPT, after(CORRUPT, Start())):
        planned = after(state, PLAN)
        assert planned is not None
        assert (name(planned), planned.repairing, planned.first) == (P, False, planned.attempt + 1)
        assert name(after(planned, Expire(1, offline=True))) == X


@pytest.mark.parametrize(
    ("state", "attempt", "expected"),
    [
        (REPLICATING, 1, True),
        (FINALIZING, 1, True),
        (REPLICATING, 0, False),
        (REPLICATING, 2, False),
        (msgspec.structs.replace(REPLICATING, withdrawn=1), 1, False),
        *((state, 1, False) for state in (PENDING, RETRYING, AVAILABLE, FAILED, SKIPPED, CORRUPT, None)),
    ],
)
def test_only_the_attempt_that_a_pod_is_at_goes_on(state: Copy | None, attempt: int, expected: bool) -> None:
    assert goes_on(state, attempt) is expected


# --- leaving the desired state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [PENDING, SKIPPED, FAILED, CANCELLED], ids=name)
def test_what_its_pod_never_had_is_absent_at_once(state: Copy) -> None:
    never = msgspec.structs.replace(state, attempt=0, withdrawn=0)
    gone = after(never, Drop("removed"))
    assert isinstance(gone, Absent)
    assert not leaving(gone)


@pytest.mark.parametrize("state", [REPLICATING, RETRYING, FINALIZING, AVAILABLE, FAILED, CORRUPT, MISSING], ids=name)
def test_what_its_pod_may_have_is_absent_by_its_word_alone(state: Copy) -> None:
    going = after(state, Drop("removed"))
    assert leaving(going)
    assert not wanted(going)
    assert after(going, dropped("pod-2", 0)) is going
    assert name(after(going, dropped("pod-2"))) == N


def test_a_cancelled_copy_stays_to_be_looked_at_and_knows_that_it_is_freed() -> None:
    given_up = after(REPLICATING, Cancel())
    assert isinstance(given_up, Cancelled)
    assert (given_up.reason, leaving(given_up), wanted(given_up)) == ("cancelled", True, True)
    freed = after(given_up, dropped("pod-2"))
    assert (name(freed), leaving(freed)) == (L, False)
    assert name(after(freed, Drop("unpublished"))) == N
    assert name(after(given_up, Drop("unpublished"))) == D


def test_no_cancel_touches_a_repair() -> None:
    repairing = after(CORRUPT, Start())
    for state in (CORRUPT, MISSING, repairing, after(repairing, rejected("pod-2", 2))):
        assert after(state, Cancel()) is state


def test_a_pod_cannot_free_more_than_was_taken_back() -> None:
    assert after(DELETING, dropped("pod-2", 7)) is DELETING
    again = after(after(DELETING, PLAN), Start())
    assert isinstance(again, Replicating)
    late = after(again, dropped("pod-2"))
    assert isinstance(late, Replicating)
    assert (late.attempt, late.freed, leaving(late)) == (2, 1, False)
    assert name(after(late, finalised("pod-2", 2))) == A


@pytest.mark.parametrize("state", [DELETING, GOING, ABSENT], ids=name)
def test_a_withdrawal_can_be_said_again_without_a_change(state: Copy) -> None:
    facts = decide(state, Drop("once more"))
    assert [type(fact).__name__ for fact in facts] == ["Withdrawn"]
    assert after(state, Drop("once more")) == state


@pytest.mark.parametrize("state", [CANCELLED, GOING, DELETING, ABSENT], ids=name)
def test_nothing_said_about_what_was_taken_back_counts(state: Copy) -> None:
    for words in (finalised("pod-2"), transferred("pod-2"), rejected("pod-2"), corrupted("pod-2")):
        assert after(state, words) is state


def test_a_copy_of_a_pod_that_is_no_more_is_absent_and_nothing_of_it_counts() -> None:
    for state in STATES:
        gone = after(state, Forget("the pod was removed"))
        assert isinstance(gone, Absent)
        assert not leaving(gone)
        assert after(gone, finalised("pod-2", gone.attempt)) is gone


# --- pausing ----------------------------------------------------------------------------------------------------------


def test_a_withdrawal_that_another_attempt_overtook_is_not_said_again() -> None:
    again = after(after(after(REPLICATING, Expire(1, offline=False)), PLAN), Start())
    for words in (finalised("pod-2", attempt=2), rejected("pod-2", attempt=2, retry=False)):
        ended = after(again, words)
        assert ended is not None
        assert (ended.withdrawn, ended.freed, leaving(ended)) == (1, 0, False)


def test_a_paused_attempt_goes_on_with_the_next_and_may_still_turn_out_to_be_done() -> None:
    paused = after(REPLICATING, Pause())
    assert isinstance(paused, Pending)
    assert (paused.attempt, paused.withdrawn) == (1, 0)
    assert after(paused, rejected("pod-2")) is paused
    assert name(after(paused, finalised("pod-2"))) == A
    resumed = after(paused, Start())
    assert resumed is not None
    assert resumed.attempt == 2


# --- without a deadline -----------------------------------------------------------------------------------------------


def test_what_no_publish_made_has_no_deadline_but_its_ticket() -> None:
    edited = after(None, msgspec.structs.replace(PLAN, publish=False))
    assert edited is not None
    assert endless(edited)
    copy = after(edited, Start())
    assert after(copy, Expire(1, offline=False)) is copy
    stalled = judge_stall(copy, 1, POLICY, START)
    assert [type(fact).__name__ for fact in stalled] == ["Delayed"]
    taken_over = after(copy, PLAN)
    assert taken_over is not None
    assert not endless(taken_over)
    assert judge_stall(after(taken_over, Start()), 2, POLICY, START) == ()


def test_a_failed_copy_renewed_has_all_its_attempts_and_keeps_its_history() -> None:
    failed = after(after(PENDING, Start()), rejected("pod-2", retry=False))
    renewed = after(failed, Renew(msgspec.structs.replace(PLAN, publish=False)))
    assert isinstance(renewed, Pending)
    assert (renewed.first, renewed.attempt, len(renewed.history), renewed.made) == (2, 1, 1, 0)


# --- terms and facts --------------------------------------------------------------------------------------------------


def excluding(copy: Copy | None) -> Copy | None:
    terms = Terms(overrides={"pod-2": Override(exclude_from_latest=True)})
    placement = msgspec.structs.replace(PLACEMENT, terms=terms)
    return after(copy, Note(msgspec.structs.replace(PLAN, placement=placement)))


@pytest.mark.parametrize("state", [PENDING, REPLICATING, RETRYING, FINALIZING, AVAILABLE], ids=name)
def test_an_exclusion_is_said_and_changes_nothing_else(state: Copy) -> None:
    noted = excluding(state)
    assert noted is not None
    assert (noted.excluded, noted.revision) == (True, state.revision + 1)
    assert msgspec.structs.replace(noted, excluded=False, revision=state.revision, updated=START) == state
    assert excluding(noted) is noted


def test_the_copies_of_a_pod_know_of_each_other() -> None:
    first = after(AVAILABLE, Note(msgspec.structs.replace(PLAN, among=3)))
    assert first is not None
    assert first.revision == AVAILABLE.revision, "that is nobody else's business"
    assert [id.rpartition("_")[2] for id in siblings(first)] == ["1", "2"]
    assert list(siblings(AVAILABLE)) == []


def test_an_attempt_knows_when_it_began_where_it_lies_and_who_served_it() -> None:
    copy = after(PENDING, Start("fast"))
    assert copy is not None
    assert (copy.started, copy.datastore) == (START, "fast")
    copy = after(copy, transferred("pod-2", bytes_from={"pod-1": 900, "../../etc": 5, "pod-3": 300, "pod-4": 0}))
    assert copy is not None
    assert copy.bytes_from == {"pod-1": 900, "pod-3": 300}
    copy = after(copy, finalised("pod-2", datastore="slow"))
    assert copy is not None
    assert (copy.datastore, copy.bytes_from) == ("slow", {"pod-1": 900, "pod-3": 300})
    many = {f"pod-{number}": number + 1 for number in range(500)}
    copy = after(after(PENDING, Start()), transferred("pod-2", bytes_from=many))
    assert copy is not None
    assert len(copy.bytes_from) == SERVERS


def test_what_is_on_its_way_is_underway_or_waits() -> None:
    assert [name(state) for state in STATES if underway(state)] == [R, F]
    assert [name(state) for state in STATES if not wanted(state)] == [G, D, N]
