"""The copy's decider: every state against every order and report."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.errors import Failure
from contracts.events.from_pods import CopyCorrupted, CopyFinalised, CopyRejected, CopyTransferred
from core.driver import START
from core.replicating import (
    DEADLINE,
    FILES,
    MANIFEST,
    SAGA,
    TENANT,
    VERSION,
    corrupted,
    finalised,
    rejected,
    transferred,
)
from replicator.domain.copy import (
    HISTORY,
    Available,
    Copy,
    Corrupt,
    Delayed,
    Failed,
    Finalizing,
    GaveUp,
    Pending,
    Plan,
    Replicating,
    RetryPending,
    Skipped,
    evolve,
    unfinished,
)
from replicator.domain.placement import Placement
from replicator.domain.retry import Policy
from replicator.domain.verdict import Expire, Start, Wait, decide, goes_on, judge, judge_loss

FAILURE = Failure(code="io_error", step="write", text="it broke")
COMMON: dict[str, Any] = {
    "version": VERSION, "image": "image-1", "pod": "pod-2", "replica": 0, "publication": 1, "saga": SAGA,
    "attempt": 1, "updated": START,
}  # fmt: skip
PENDING = Pending(**COMMON | {"attempt": 0})
REPLICATING = Replicating(**COMMON)
RETRYING = RetryPending(**COMMON, failure=FAILURE, next_attempt=START)
FINALIZING = Finalizing(**COMMON)
AVAILABLE = Available(**COMMON, digest=MANIFEST.digest, item="item-1", datastore="store", files=FILES)
FAILED = Failed(**COMMON, failure=FAILURE)
SKIPPED = Skipped(**COMMON, reason="format_unsupported: disk 0")
CORRUPT = Corrupt(**COMMON | {"first": 2, "repairing": True}, failure=FAILURE)
STATES: tuple[Copy, ...] = (PENDING, REPLICATING, RETRYING, FINALIZING, AVAILABLE, FAILED, SKIPPED, CORRUPT)
PLACEMENT = Placement(
    version=VERSION, image="image-1", tenant=TENANT, publication=1, saga=SAGA, manifest=MANIFEST,
    digest=MANIFEST.digest, deadline=DEADLINE, wanted=1,
)  # fmt: skip
POLICY = Policy(max_attempts=3, backoff=(5.0, 30.0))
PLAN = Plan(placement=PLACEMENT, pod="pod-2", replica=0)


def name(copy: Copy | None) -> str:
    return "-" if copy is None else str(copy.__struct_config__.tag)


def after(copy: Copy | None, order: Any) -> Copy | None:
    """The copy after an order or a report."""
    if isinstance(order, CopyCorrupted):
        facts = judge_loss(copy, order)
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
C = "CORRUPT"
TABLE: dict[str, tuple[str, ...]] = {
    #                              P  R  Y  F  A  X  S  C
    "plan":                       (P, P, P, P, A, P, P, P),
    "plan to skip":               (S, S, S, S, A, S, S, S),
    "start":                      (R, R, R, F, A, X, S, R),
    "wait":                       (P, R, P, F, A, X, S, C),
    "expire":                     (X, X, X, X, A, X, S, C),
    "expire another publish":     (P, R, Y, F, A, X, S, C),
    "transferred":                (P, F, Y, F, A, X, S, C),
    "finalised":                  (P, A, A, A, A, A, S, C),
    "rejected, retry":            (P, Y, Y, Y, A, X, S, C),
    "rejected for good":          (P, X, Y, X, A, X, S, C),
    "transferred, wrong digest":  (P, Y, Y, Y, A, X, S, C),
    "finalised, wrong digest":    (P, Y, Y, Y, A, X, S, C),
    "finalised, a file missing":  (P, Y, Y, Y, A, X, S, C),
    "finalised, earlier attempt": (P, R, Y, F, A, X, S, C),
    "finalised, later attempt":   (P, R, Y, F, A, X, S, C),
    "corrupted":                  (P, R, Y, F, C, X, S, C),
    "corrupted, other content":   (P, R, Y, F, C, X, S, C),
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
    assert [name(state) for state in STATES if unfinished(state)] == [P, R, Y, F, C]
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
