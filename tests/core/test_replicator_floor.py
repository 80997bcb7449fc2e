"""Revisions above a floor: what a replicator says from an older copy of its database is newer to those who listen."""

from datetime import timedelta
from typing import Any

import pytest

from contracts import topology
from contracts.limits import Limits
from contracts.requests import Actor, DropPolicy, EditPlacement, SetPodLimits, SetPodState, SetPolicy, SuspendPolicy
from contracts.terms import Policy, Selector
from core.replicating import (
    TENANT,
    House,
    announcement,
    corrupted,
    dropped,
    finalised,
    rejected,
    transferred,
    unpublishing,
)
from replicator.domain.revision import next_revision

FLOOR = 1_700_000_000_000


@pytest.mark.parametrize(
    ("revision", "floor", "found"), [(0, 0, 1), (7, 0, 8), (0, FLOOR, FLOOR + 1), (FLOOR + 4, FLOOR, FLOOR + 5)]
)
def test_a_revision_is_above_the_last_one_and_above_the_floor(revision: int, floor: int, found: int) -> None:
    assert next_revision(revision, floor) == found


def _command(house: House, kind: Any, **fields: Any) -> Any:
    return kind(id=house.new_id(), actor=Actor(tenant=TENANT, name="ann", roles=("owner",)), **fields)


def test_whatever_is_said_has_a_revision_above_the_floor_and_above_the_one_before() -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish()
    house.floor, before = FLOOR, len(house.emitted)
    for pod in ("pod-1", "pod-2", "pod-3"):
        house.pod(pod, transferred(pod))
        house.pod(pod, finalised(pod))
    house.pod("pod-2", corrupted("pod-2"))
    house.pod("pod-2", rejected("pod-2", 2))
    house.pod("pod-4", announcement())
    house.asked(EditPlacement, add=("pod-4",), remove=("pod-3",))
    house.pod("pod-3", dropped("pod-3"))
    house.ask(_command(house, SetPodLimits, pod="pod-1", limits=Limits(timezone="Europe/Berlin")))
    house.ask(_command(house, SetPodState, pod="pod-1", verb="drain"))
    house.ask(_command(house, SetPodState, pod="pod-1", verb="readmit"))
    policy = Policy(selector=Selector(labels={"pod": ("pod-1",)}))
    house.ask(_command(house, SetPolicy, name="edge", policy=policy))
    house.ask(_command(house, SuspendPolicy, name="edge"))
    house.ask(_command(house, DropPolicy, name="edge"))
    house.pass_time(timedelta(minutes=5).total_seconds())
    house.pod("pod-1", announcement("boot-2"))
    house.catalog(unpublishing())
    heard: dict[str, int] = {}
    spoken = set()
    for event in house.events(house.emitted[before:]):
        revision = getattr(event, "revision", None)
        if revision is None:
            continue
        about = ".".join([event.words().partition(".")[0], topology.subject(event).rpartition(".")[2]])
        if event.words() != "limits.changed":  # says what is in force, also again
            assert revision > heard.get(about, 0), event
        heard[about] = revision
        spoken.add(event.words())
    assert spoken >= {
        "copy.available", "copy.lost", "copy.delayed", "copy.planned", "copy.retired", "copy.removed", "pod.connected",
        "pod.disconnected", "pod.drained", "pod.readmitted", "pod.enrolled", "placement.planned", "policy.set",
        "policy.dropped", "limits.changed",
    }  # fmt: skip
    assert min(heard.values()) > FLOOR
