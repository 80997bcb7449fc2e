"""The last known progress of copies: believed only from the pod that makes the copy, and only for a while."""

import msgspec
import pytest

from api import views
from contracts.views import Progress
from gateway.progress import FRESH, HOURS, MOST, Latest, Report, read

GOOD = Progress(id=views.COPY, version=views.VERSION, step="transfer", bytes_done=5, bytes_total=9, rate=2.0, eta=2.0)
SUBJECT = f"progress.pod.pod-2.{views.COPY}"


def encoded(**changes: object) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(GOOD), **changes})


def report(id: str, done: int = 1) -> Report:
    return Report("pod-2", msgspec.structs.replace(GOOD, id=id, bytes_done=done))


def test_a_report_about_the_pods_own_copy_is_read() -> None:
    assert read(SUBJECT, encoded()) == Report("pod-2", GOOD)


def test_a_report_about_the_import_of_a_version_is_read() -> None:
    found = read(f"progress.pod.pod-1.{views.VERSION}", encoded(id=views.VERSION))
    assert found is not None
    assert (found.pod, found.progress.id) == ("pod-1", views.VERSION)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (f"progress.pod.pod-1.{views.COPY}", encoded()),
        (SUBJECT, encoded(id=f"{views.VERSION}_pod-3_0")),
        (SUBJECT, encoded(version="e" * 32)),
        (f"progress.pod.pod-2.{views.VERSION}_pod-20_0", encoded(id=f"{views.VERSION}_pod-20_0")),
        (SUBJECT + ".x", encoded()),
        ("progress.pod.pod-2", encoded()),
        (SUBJECT, encoded(bytes_done=-1)),
        (SUBJECT, encoded(bytes_total="9")),
        (SUBJECT, b"{"),
        (SUBJECT, b"\xff"),
        (SUBJECT, b""),
    ],
)
def test_anything_else_is_no_report(subject: str, body: bytes) -> None:
    assert read(subject, body) is None


def test_progress_moves_the_bytes_of_a_copy_under_way_and_never_its_state() -> None:
    latest = Latest()
    latest.put(Report("pod-2", GOOD), now=100.0)
    merged = latest.merge(views.copy, now=100.0 + FRESH)
    assert merged == msgspec.structs.replace(views.copy, bytes_done=5, rate=2.0, eta=2.0)


@pytest.mark.parametrize("state", ["PENDING", "RETRY_PENDING"])
def test_a_copy_that_waits_is_not_said_to_end_when_the_attempt_before_would_have(state: str) -> None:
    latest = Latest()
    latest.put(Report("pod-2", GOOD), now=100.0)
    waiting = msgspec.structs.replace(views.copy, state=state)
    merged = latest.merge(waiting, now=100.0)
    assert (merged.bytes_done, merged.rate, merged.eta) == (5, None, None)


def test_a_copy_that_waits_for_its_pods_hours_says_so() -> None:
    latest = Latest()
    latest.put(Report("pod-2", msgspec.structs.replace(GOOD, step="waiting", rate=None, eta=None)), now=100.0)
    merged = latest.merge(views.copy, now=100.0)
    assert (merged.state, merged.reason, merged.rate) == (views.copy.state, HOURS, None)


@pytest.mark.parametrize("state", ["AVAILABLE", "FAILED", "SKIPPED"])
def test_a_copy_that_came_to_an_end_is_shown_as_the_hub_has_it(state: str) -> None:
    latest = Latest()
    latest.put(Report("pod-2", GOOD), now=100.0)
    ended = msgspec.structs.replace(views.copy, state=state)
    assert latest.merge(ended, now=100.0) is ended


def test_an_old_report_is_not_believed_and_is_dropped_when_another_comes() -> None:
    latest = Latest()
    latest.put(report("a"), now=0.0)
    assert latest.get("a", now=FRESH) is not None
    assert latest.get("a", now=FRESH + 0.1) is None
    latest.put(report("b"), now=FRESH + 0.1)
    assert len(latest) == 1


def test_a_later_report_replaces_an_earlier_one() -> None:
    latest = Latest()
    latest.put(report("a", 1), now=0.0)
    latest.put(report("a", 2), now=1.0)
    found = latest.get("a", now=1.0)
    assert found is not None
    assert (found.bytes_done, len(latest)) == (2, 1)


def test_however_many_copies_report_the_memory_is_bounded_and_the_oldest_go() -> None:
    latest = Latest()
    for number in range(MOST + 10):
        latest.put(report(str(number)), now=1.0)
    assert len(latest) == MOST
    assert latest.get("9", now=1.0) is None
    assert latest.get("10", now=1.0) is not None
