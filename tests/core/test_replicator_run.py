"""The staged start: groups, their feeders, and when one lets the next begin."""

from datetime import timedelta

import msgspec
import pytest

from core.driver import START
from replicator.domain.run import (
    Hold,
    Place,
    Run,
    admit,
    expire,
    expires,
    following,
    group_of,
    name_of,
    ordered,
    pod_of,
    put,
    settle,
)  # fmt: skip

LATER = START + timedelta(minutes=15)


def _run(*groups: str, place: Place = "waiting") -> Run:
    """A run with groups of members with one letter each."""
    run = Run()
    for group in groups:
        for member in group:
            run = put(run, group[0], member, place)
    return run


def _admitted(run: Run, group: str, member: str, *feeders: str) -> Run:
    found = admit(run, group, member, feeders, LATER)
    assert found is not None
    return found


def test_a_feeder_feeds_one_group_and_all_members_of_it() -> None:
    run = _admitted(_run("ab", "cd"), "a", "a", "s")
    assert run.holds == {"a": Hold("s", LATER)}
    assert admit(run, "c", "c", ["s"], LATER) is None
    run = _admitted(run, "a", "b", "s")
    assert run.count("running") == 2
    assert run.count("waiting") == 2
    assert _admitted(run, "c", "c", "s", "t").holds["c"].feeder == "t"


def test_a_group_draws_on_its_feeder_until_its_first_member_has_the_version() -> None:
    run = _admitted(_admitted(_run("ab"), "a", "a", "s"), "a", "b", "s")
    run = settle(run, "a", "a", whole=True)
    assert run.holds == {}
    assert run.groups["a"].whole
    back = put(run, "a", "b", "resting")
    assert _admitted(back, "a", "b").holds == {}, "a group that has the whole version needs no feeder"


@pytest.mark.parametrize("place", ["resting", "away", "waiting"])
def test_a_group_of_which_nobody_runs_draws_on_nobody(place: Place) -> None:
    run = put(_admitted(_run("ab"), "a", "a", "s"), "a", "a", place)
    assert run.holds == {}


def test_the_next_groups_are_as_many_as_can_be_fed_and_those_that_need_no_feeder() -> None:
    run = _run("ab", "cd", "e", "fg", "h")
    assert following(run, [], ["e"], 9) == ["e"]
    assert following(run, ["s"], [], 9) == ["a"]
    assert following(run, ["s", "t"], ["h"], 9) == ["a", "c", "h"]
    fed = _admitted(run, "a", "a", "s")
    assert following(fed, ["s"], [], 9) == ["a"], "the others of its members"
    assert following(msgspec.structs.replace(fed, feeds=2), ["s"], [], 9) == ["a", "c"]
    assert following(_run(*"abcdefgh"), [*"stuvwxyz"], [], 3) == ["a", "b", "c"]


def test_counts_follow_the_members_and_a_run_without_members_is_empty() -> None:
    run = put(_run("ab"), "a", "a", "running")
    assert (run.count("waiting"), run.count("running"), run.count("waiting", "running")) == (1, 1, 2)
    run = settle(settle(run, "a", "a", whole=False), "a", "b", whole=False)
    assert run.groups == {}
    assert run.count("waiting", "running") == 0
    assert settle(run, "a", "a", whole=True) is run


def test_a_group_that_draws_for_too_long_is_let_go() -> None:
    run = _admitted(_run("ab"), "a", "a", "s")
    assert expires(run) == LATER
    assert expire(run, START) is run
    assert expire(run, LATER).holds == {}
    assert expires(expire(run, LATER)) is None


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True),
        ({"paused": True}, False),
        ({"turn": "asked"}, False),
        ({"turn": "taken"}, True),
        ({"not_before": LATER}, False),
        ({"not_before": START}, True),
    ],
)
def test_members_start_when_their_publish_may_go_on(changes: dict[str, object], may: bool) -> None:
    assert msgspec.structs.replace(Run(), **changes).may_start(START) is may


def test_groups_are_called_by_their_first_member_and_further_replicas_are_alone() -> None:
    assert group_of("pod-2", 0, ("pod-1", "pod-3")) == "pod-1"
    assert group_of("pod-2", 1, ("pod-1",)) == "pod-2/1" == name_of("pod-2", 1)
    assert pod_of(name_of("pod-2", 1)) == ("pod-2", 1)
    assert pod_of("pod-2") == ("pod-2", 0)


def test_groups_go_in_the_order_of_their_ranks() -> None:
    assert list(ordered(_run("a", "b", "c"), {"a": 2, "b": 1, "c": 0}).groups) == ["c", "b", "a"]


def test_a_run_survives_the_store_in_its_order() -> None:
    run = ordered(_admitted(_run("ab", "cd"), "c", "d", "s"), {"c": 0, "a": 1})
    again = msgspec.json.decode(msgspec.json.encode(run), type=Run)
    assert again == run
    assert list(again.groups) == ["c", "a"]
