"""The whole catalog in any weather: nothing is lost, doubled or left behind, whatever people do and pods say.

While a history runs, each step is held against `core.catalog_invariants`; at its end everything has come to an end.
"""

import pytest

from catalog.documents import ASSIGNMENT, JOB, VERSION
from catalog.domain import job as jobs
from catalog.domain.life import gone
from core import catalog_invariants as invariants
from core.catalog_bus import GOING
from core.catalog_weather import Weather

STEPS = 80


def play(seed: int) -> Weather:
    """One history; what goes wrong in it names its seed."""
    world = Weather(seed)
    try:
        for _ in range(STEPS):
            world.step()
        world.settle()
        check_end(world)
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
    return world


def check_end(world: Weather) -> None:
    assignments = world.all(ASSIGNMENT)
    waiting = {one.job for one in assignments.values() if any(stand.open for stand in one.pods.values())}
    for id, job in world.all(JOB).items():
        assert not jobs.running(job) or id in waiting, job
    for id, version in world.all(VERSION).items():
        assert not invariants.under_way(version), version
        removal = version.life.removal
        assert removal is None or removal.stage != "DELETING", version
        if gone(version.life):
            assert all(row[1] in GOING for (of, _), row in world.copies.items() if of == id), "no pod holds it"
            assert id in world.discarded, "nor does its source pod"
    invariants.check_chain(world)


@pytest.mark.parametrize("seed", range(30))
def test_in_any_weather_the_catalog_agrees_with_itself_and_everything_ends(seed: int) -> None:
    play(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_in_very_many_histories_too(seed: int) -> None:
    play(seed)


def test_the_weather_meets_what_it_is_meant_to_test() -> None:
    met = sum((play(seed).met for seed in range(100, 125)), start=type(Weather(0).met)())
    assert met.keys() >= {
        "ImportVersion", "PublishVersion", "DeleteVersion", "RestoreVersion", "SetEnabled", "MoveMarker", "RetryJob",
        "CreateAssignment", "SetRetention", "RunRetention", "UnpublishVersion", "CancelPublish", "quota_exceeded",
        "version_in_use", "version_marked", "protected", "revision_mismatch", "version_deleted", "image_not_empty",
        "SetDataAccess", "RecordValidation", "data_access_denied", "not_validated",
    }  # fmt: skip
