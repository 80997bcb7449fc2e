"""Which events a client of the live stream gets."""

import json
from pathlib import Path

import pytest

from contracts.events import EVENT_TYPES, Event
from contracts.topology import STREAM_OF
from contracts.views import Progress
from gateway.filters import Facts, Filter, facts, types
from gateway.progress import Report

GOLDEN = Path(__file__).parent.parent / "golden" / "events"
IMAGE, VERSION, OTHER, JOB = "i" * 32, "v" * 32, "o" * 32, "j" * 32
STARTED = Facts("copy.started.v1", JOB, version=VERSION, pod="pod-1")
AVAILABLE = Facts("version.available.v1", JOB, image=IMAGE, version=VERSION)
ELSEWHERE = Facts("copy.started.v1", "k" * 32, version=OTHER, pod="pod-2")
CONNECTED = Facts("pod.connected.v1", "", pod="pod-1")
ALL = (STARTED, AVAILABLE, ELSEWHERE, CONNECTED)


@pytest.mark.parametrize(
    ("wanted", "admitted"),
    [
        (Filter(), ALL),
        (Filter(types=("copy",)), (STARTED, ELSEWHERE)),
        (Filter(types=("cop",)), ()),
        (Filter(types=("copy.started",)), (STARTED, ELSEWHERE)),
        (Filter(types=("copy.started.v1", "pod")), (STARTED, ELSEWHERE, CONNECTED)),
        (Filter(types=("copy.started.v2",)), ()),
        (Filter(types=("progress",)), ()),
        (Filter(job=JOB), (STARTED, AVAILABLE)),
        (Filter(version=VERSION), (STARTED, AVAILABLE)),
        (Filter(pod="pod-1"), (STARTED, CONNECTED)),
        (Filter(pod="pod-1", job=JOB), (STARTED,)),
        (Filter(image=IMAGE), (AVAILABLE,)),
        (Filter(image=IMAGE, versions={VERSION}), (STARTED, AVAILABLE)),
        (Filter(image=OTHER), ()),
    ],
)
def test_an_event_passes_when_it_meets_every_condition(wanted: Filter, admitted: tuple[Facts, ...]) -> None:
    assert tuple(event for event in ALL if wanted.admits(event)) == admitted


def test_a_version_that_was_seen_to_be_of_the_image_brings_its_copies_with_it() -> None:
    wanted = Filter(image=IMAGE)
    assert not wanted.admits(STARTED)
    assert wanted.admits(AVAILABLE)
    assert wanted.admits(STARTED)
    assert not wanted.admits(ELSEWHERE)


def test_a_version_is_learnt_also_from_an_event_of_a_type_that_was_not_asked_for() -> None:
    wanted = Filter(image=IMAGE, types=("copy",))
    assert not wanted.admits(AVAILABLE)
    assert wanted.admits(STARTED)


@pytest.mark.parametrize(
    ("wanted", "follows"),
    [
        (Filter(), True),
        (Filter(types=("progress",)), True),
        (Filter(types=("copy",)), False),
        (Filter(version=VERSION), True),
        (Filter(version=OTHER), False),
        (Filter(pod="pod-1"), True),
        (Filter(pod="pod-2"), False),
        (Filter(image=IMAGE), False),
        (Filter(image=IMAGE, versions={VERSION}), True),
        (Filter(job=JOB), False),
        (Filter(job=JOB, versions={VERSION}), True),
        (Filter(job=JOB, versions={OTHER}), False),
    ],
)
def test_progress_passes_by_pod_and_version(wanted: Filter, follows: bool) -> None:
    report = Report("pod-1", Progress(id="c", version=VERSION, step="transfer", bytes_done=1, bytes_total=2))
    assert wanted.follows(report) is follows


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], ()),
        (["copy.*"], ("copy",)),
        (["copy.available.v1", "version,progress"], ("copy.available.v1", "version", "progress")),
    ],
)
def test_types_are_read_from_values_with_commas_and_stars(given: list[str], found: tuple[str, ...]) -> None:
    assert types(given) == found


@pytest.mark.parametrize(
    "given", ["", "*", "copy.", "copy.*.v1", "copy,", "Copy", "copy available", "c" * 65, "copy\n"]
)
def test_what_is_no_type_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="^" if given in ("", "copy,") else given[:4].replace("*", r"\*")):
        types([given])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"type":"copy.started.v1","version":"v","pod":"p","more":[1]}', Facts("copy.started.v1", "j", "", "v", "p")),
        (b'{"type":"copy.started.v1","version":5}', None),
        (b'{"type":"copy.started.v1\\nid: 7"}', None),
        (b'{"type":"Copy"}', None),
        (b'{"copy":"x"}', None),
        (b"[]", None),
        (b"", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_only_an_event_has_facts(body: bytes, found: Facts | None) -> None:
    assert facts("j", body) == found


SAID = [kind for kind in EVENT_TYPES if STREAM_OF[kind] == "EVENTS"]


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.type_name())
def test_every_event_of_the_hub_can_be_asked_for_by_type_noun_and_what_it_is_about(kind: type[Event]) -> None:
    body = (GOLDEN / f"{kind.type_name()}.json").read_bytes()
    about = facts(JOB, body)
    assert about is not None
    assert about.type == kind.type_name()
    for wanted in (kind.type_name(), kind.words(), kind.words().split(".")[0] + ".*"):
        assert Filter(types=types([wanted])).admits(about)
    assert not Filter(types=("progress",)).admits(about)
    said = json.loads(body)
    for name in ("image", "version", "pod"):
        if name in kind.__struct_fields__ and said.get(name):
            assert Filter(**{name: said[name]}).admits(about)
            assert not Filter(**{name: "other"}).admits(about)
