"""Both sagas in many histories; and proof that the simulation finds what is broken."""

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from catalog.documents import JOB
from contracts.events.from_pods import CopyCorrupted, CopyFinalised
from contracts.events.hub import CopyAvailable, CopyDelayed, CopyFailed, CopyLost
from core.simulation import CALM, DENYING, MARKING, MEDDLING, STORM, UNRULY, Simulation, Weather
from core.truth import Violation
from replicator import copies, editing, handlers, moves
from replicator.documents import COPY
from replicator.domain import verdict
from replicator.domain.copy import Corrupt, unfinished, wanted
from replicator.domain.facts import Finalised, Gone, Withdrawn
from replicator.domain.facts import evolve as real_evolve
from replicator.domain.verdict import judge as real_judge

BLOCK = 25
"""Histories in one test: enough to keep pytest's own time small."""


def play(seed: int, weather: Weather, *, dedupe: bool = True) -> Simulation:
    """Play one history; what goes wrong in it names its seed."""
    try:
        return Simulation(seed, weather, dedupe=dedupe).run()
    except Exception as error:
        error.add_note(f"seed {seed} in {weather}")
        raise


def blocks(count: int, first: int = 0) -> Any:
    return pytest.mark.parametrize("start", range(first, first + count, BLOCK))


@blocks(200)
def test_in_any_weather_every_saga_ends_and_the_hub_believes_what_is_so(start: int) -> None:
    for seed in range(start, start + BLOCK):
        play(seed, STORM)


@blocks(100)
def test_without_failing_pods_the_end_is_the_same_in_every_order(start: int) -> None:
    expected = Simulation(0, CALM).run().outcome()
    assert [state for _, state, _ in expected[2]] == ["Available"] * 3
    for seed in range(start, start + BLOCK):
        assert play(seed, UNRULY).outcome() == expected, f"seed {seed}"


@blocks(200)
def test_whatever_people_change_their_minds_about_desired_and_observed_agree_in_the_end(start: int) -> None:
    for seed in range(start, start + BLOCK):
        play(seed, MEDDLING)


@blocks(100)
def test_whatever_is_disabled_deleted_or_restored_meanwhile_nothing_is_left_behind(start: int) -> None:
    for seed in range(start, start + BLOCK):
        play(seed, MARKING)


@blocks(50)
def test_f6_while_data_is_denied_no_copy_is_made_and_afterwards_all_come_to_their_end(start: int) -> None:
    for seed in range(start, start + BLOCK):
        play(seed, DENYING)


@pytest.mark.slow
@blocks(500, first=10_000)
def test_in_very_many_histories_too(start: int) -> None:
    expected = Simulation(0, CALM).run().outcome()
    for seed in range(start, start + BLOCK):
        play(seed, STORM)
        play(seed, MEDDLING)
        play(seed, MARKING)
        play(seed, DENYING)
        assert play(seed, UNRULY).outcome() == expected, f"seed {seed}"


def test_a_seed_plays_the_same_history_each_time() -> None:
    first, second = (Simulation(7, STORM).run() for _ in range(2))
    assert (first.steps, first.outcome()) == (second.steps, second.outcome())
    assert [one.event for one in first.replicator.emitted] == [one.event for one in second.replicator.emitted]


def test_the_storm_meets_everything_that_it_is_meant_to_test() -> None:
    met: set[str] = set()
    for seed in range(100):
        failed: set[tuple[str, int]] = set()
        lost: set[str] = set()
        simulation = play(seed, STORM)
        for said in simulation.replicator.emitted:
            event = said.event
            met.add(event.words())
            if isinstance(event, CopyFailed):
                failed.add((event.copy, event.attempt))
            if isinstance(event, CopyFailed | CopyDelayed):
                met.add(event.failure.code)
            if isinstance(event, CopyAvailable) and (event.copy, event.attempt) in failed:
                met.add("healed")
            if isinstance(event, CopyLost):
                lost.add(event.copy)
            if isinstance(event, CopyAvailable) and event.copy in lost:
                met.add("repaired")
        met |= {"hopeless" for copy in simulation.replicator.all(COPY).values() if unfinished(copy)}
    assert met >= {
        "copy.delayed", "copy.withdrawn", "copy.failed", "copy.available", "pod.disconnected", "inventory.requested",
        "copy.lost", "copy.extended", "pod_offline", "deadline_exceeded", "digest_mismatch", "io_error", "healed",
        "repaired", "hopeless",
    }  # fmt: skip


def test_versions_are_marked_in_every_way() -> None:
    met: set[str] = set()
    for seed in range(60):
        simulation = play(seed, MARKING)
        met |= {said.event.words() for said in simulation.catalog.emitted}
        met |= {f"{job.kind} {type(job).__name__}" for job in simulation.catalog.all(JOB).values()}
        met |= set(simulation.refused.values())
    assert met >= {
        "delete Cancelled", "version.disabled", "version.enabled", "version.soft_deleted", "version.restored",
        "version.deleted", "image.deleted", "source.discarded", "version_disabled", "version_deleted", "not_deleted",
    }  # fmt: skip


def test_f6_data_is_denied_in_every_way() -> None:
    met: set[str] = set()
    for seed in range(60):
        simulation = play(seed, DENYING)
        met |= {said.event.words() for driver in simulation.hub.values() for said in driver.emitted}
        met |= set(simulation.refused.values())
    assert met >= {"version.deactivated", "version.reactivated", "copy.paused", "data_access_denied"}


def test_people_meddle_in_every_way() -> None:
    met: set[str] = set()
    for seed in range(150):
        simulation = play(seed, MEDDLING)
        met |= {said.event.words() for said in simulation.replicator.emitted}
        met |= {type(job).__name__ for job in simulation.catalog.all(JOB).values()}
        met |= {type(copy).__name__ for copy in simulation.replicator.all(COPY).values()}
        met |= {said.event.state for said in simulation.replicator.emitted if isinstance(said.event, CopyLost)}
        met |= set(simulation.refused.values())
    assert met >= {
        "placement.planned", "placement.rolled_back", "copy.cancelled", "copy.retired", "copy.removed", "copy.paused",
        "copy.withdrawn", "copy.lost", "MISSING", "Absent", "Cancelled", "Success", "Partial", "Failed",
        "copy_state", "copy_not_found", "targets_invalid", "placement_state", "not_cancellable",
    }  # fmt: skip


def found(weather: Weather, *, dedupe: bool = True, tries: int = 400, says: str = "") -> str:
    """The first violation in ``tries`` histories that ``says`` so, empty when there is none."""
    for seed in range(tries):
        try:
            Simulation(seed, weather, dedupe=dedupe).run()
        except Violation as violation:
            if says in str(violation):
                return str(violation)
    return ""


def test_without_deduplication_a_repeated_command_is_found_out() -> None:
    assert "command" in found(UNRULY, dedupe=False)


def _no_digest_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdict, "_wrong", lambda *_: "")


def _no_memory_of_withdrawals(patch: pytest.MonkeyPatch) -> None:
    def evolve(copy: Any, fact: Any, *rest: Any) -> Any:
        return copy if isinstance(fact, Withdrawn) else real_evolve(copy, fact, *rest)

    patch.setattr(moves, "evolve", evolve)


def _any_pod_is_believed(patch: pytest.MonkeyPatch) -> None:
    _hear_as_the_owner(patch, CopyFinalised)


def _any_pod_may_call_a_copy_lost(patch: pytest.MonkeyPatch) -> None:
    _hear_as_the_owner(patch, CopyCorrupted)


def _hear_as_the_owner(patch: pytest.MonkeyPatch, kind: type) -> None:
    def as_owner(message: Any) -> Any:
        return dataclasses.replace(message, speaker=f"pod:{message.body.copy.split('_')[1]}")

    keys, handle = handlers._TABLE[kind]
    patch.setitem(
        handlers._TABLE,
        kind,
        (
            lambda message, get: keys(as_owner(message), get),
            lambda message, work, config: handle(as_owner(message), work, config),
        ),
    )


def _any_attempt_is_believed(patch: pytest.MonkeyPatch) -> None:
    def judge(copy: Any, report: Any, *rest: Any) -> Any:
        return real_judge(copy, msgspec.structs.replace(report, attempt=copy.attempt), *rest)

    patch.setattr(copies, "judge", judge)


def _what_was_lost_is_believed_again(patch: pytest.MonkeyPatch) -> None:
    def judge(copy: Any, report: Any, placement: Any, *rest: Any) -> Any:
        if isinstance(copy, Corrupt) and isinstance(report, CopyFinalised):
            return (Finalised(report),)
        return real_judge(copy, report, placement, *rest)

    patch.setattr(copies, "judge", judge)


def _nothing_is_taken_back_from_who_never_finished(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdict, "_take_back", lambda _: ())


def _what_is_dropped_is_believed_gone_before_it_is(patch: pytest.MonkeyPatch) -> None:
    def drop(copy: Any, why: str) -> Any:
        return (Gone(),) if wanted(copy) else ()

    patch.setattr(verdict, "_drop", drop)


def _what_stays_after_an_edit_is_not_taken_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(editing, "take_back", lambda *_: None)


@pytest.mark.parametrize(
    "breakage",
    [
        _nothing_is_taken_back_from_who_never_finished,
        _what_is_dropped_is_believed_gone_before_it_is,
        _what_stays_after_an_edit_is_not_taken_back,
    ],
)
def test_a_withdrawal_that_is_left_out_is_found_out(
    breakage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    breakage(monkeypatch)
    assert found(MEDDLING)


@pytest.mark.parametrize(
    ("breakage", "says"),
    [
        (_what_was_lost_is_believed_again, "is AVAILABLE with it again"),
        (_any_pod_may_call_a_copy_lost, "its connector did not say so"),
        (_no_digest_check, "its connector did not say so"),
        (_no_memory_of_withdrawals, "is lost, its connector did not say so"),
        (_any_pod_is_believed, "its connector did not say so"),
        (_any_attempt_is_believed, "its connector did not say so"),
    ],
)
def test_a_missing_defence_is_found_out(
    breakage: Callable[[pytest.MonkeyPatch], None], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breakage(monkeypatch)
    assert found(STORM, says=says)
