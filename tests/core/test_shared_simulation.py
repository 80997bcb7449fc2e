"""Sharing, deliveries and revocations in many histories; and proof that what is left out is found out (F15)."""

from collections.abc import Callable
from typing import Any

import pytest

from catalog.documents import JOB
from core.shared_simulation import THEIRS, SharedSimulation
from core.truth import Violation
from replicator import deliveries, delivering, memberships
from replicator.documents import COPY
from replicator.domain.copy import underway
from replicator.domain.facts import Lapsed

BLOCK = 25


def play(seed: int) -> SharedSimulation:
    try:
        simulation = SharedSimulation(seed)
        simulation.run()
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
    return simulation


def blocks(count: int, first: int = 0) -> Any:
    return pytest.mark.parametrize("start", range(first, first + count, BLOCK))


@blocks(75)
def test_f15_whenever_the_share_ends_no_copy_comes_for_who_has_lost_it(start: int) -> None:
    for seed in range(start, start + BLOCK):
        play(seed)


@pytest.mark.slow
@blocks(300, first=10_000)
def test_f15_in_very_many_histories_too(start: int) -> None:
    for seed in range(start, start + BLOCK):
        play(seed)


def test_deliveries_end_in_every_way() -> None:
    met: set[str] = set()
    for seed in range(80):
        simulation = play(seed)
        met |= {said.event.words() for driver in simulation.hub.values() for said in driver.emitted}
        met |= {f"{job.kind} {type(job).__name__}" for job in simulation.catalog.all(JOB).values()}
        stored = simulation.replicator.all(COPY).values()
        met |= {f"{type(copy).__name__} {copy.lapsed}" for copy in stored if copy.pod == THEIRS}
    assert met >= {
        "deliver Success", "deliver Cancelled", "deliver Failed", "delivery.planned", "delivery.ended",
        "share.revoked", "share.suspended", "share.resumed", "share.rejected", "tenant.set", "Available True",
        "Available False", "Absent False",
    }  # fmt: skip


def _a_revocation_ends_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliveries, "turn", lambda *_: None)


def _a_delivery_stands_on_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delivering, "_refusal", lambda *_: None)


def _what_is_under_way_is_left_alone(patch: pytest.MonkeyPatch) -> None:
    real = deliveries.take_back

    def take_back(work: Any, config: Any, placement: Any, gone: Any, why: str) -> None:
        real(work, config, placement, [copy for copy in gone if not underway(copy)], why)

    patch.setattr(deliveries, "take_back", take_back)


def _what_lapsed_is_repaired(patch: pytest.MonkeyPatch) -> None:
    real = deliveries.move

    def move(work: Any, config: Any, copy: Any, facts: Any, placement: Any) -> Any:
        return real(work, config, copy, [fact for fact in facts if not isinstance(fact, Lapsed)], placement)

    patch.setattr(deliveries, "move", move)


def _who_leaves_loses_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(memberships, "_go_on", lambda *_: None)


@pytest.mark.parametrize(
    "breakage",
    [
        _a_revocation_ends_nothing,
        _a_delivery_stands_on_nothing,
        _what_is_under_way_is_left_alone,
        _what_lapsed_is_repaired,
        _who_leaves_loses_nothing,
    ],
)
def test_what_is_left_out_is_found_out(
    breakage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    breakage(monkeypatch)
    for seed in range(400):
        try:
            SharedSimulation(seed).run()
        except Violation:
            return
    pytest.fail("nothing was found")
