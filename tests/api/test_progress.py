"""The last known progress of copies: believed only from the pod that makes the copy, and only for a while."""

import msgspec
import pytest

from api import views
from contracts.views import JobRow, JobView, Progress
from gateway.progress import FRESH, HOURS, MOST, NEARLY, Latest, Report, read

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


def job(**changes: object) -> JobView:
    rows = (
        JobRow(pod="pod-2", state="REPLICATING", bytes=100, total=1000),
        JobRow(pod="pod-3", state="AVAILABLE", bytes=1000, total=1000),
        JobRow(pod="pod-4", state="PENDING", total=1000),
    )
    whole = msgspec.structs.replace(views.job, rows=rows, bytes=1100, total=3000, percent=36.7)
    return msgspec.structs.replace(whole, **changes)


def reports(*found: tuple[str, str, int]) -> Latest:
    latest = Latest()
    for pod, ident, done in found:
        told = msgspec.structs.replace(GOOD, id=ident, bytes_done=done, bytes_total=1000, rate=100.0, eta=1.0)
        latest.put(Report(pod, told), now=50.0)
    return latest


def test_i1_a_job_shows_the_live_bytes_of_its_copies_and_their_rate_together() -> None:
    latest = reports(
        ("pod-2", views.COPY, 400), ("pod-3", f"{views.VERSION}_pod-3_0", 10), ("pod-4", f"{views.VERSION}_pod-4_0", 50)
    )
    merged = latest.merge_job(job(), now=60.0)
    assert [row.bytes for row in merged.rows] == [400, 1000, 50]
    assert [row.rate for row in merged.rows] == [100.0, None, None]
    assert (merged.bytes, merged.total, merged.percent) == (1450, 3000, 48.3)
    assert (merged.rate, merged.eta) == (100.0, 15.5)


def test_i1_a_job_shows_the_live_bytes_of_its_import_as_its_own_pod_tells_them() -> None:
    row = JobRow(pod="pod-1", state="DEPLOYING_VM")
    importing = msgspec.structs.replace(views.job, kind="import", rows=(row,), bytes=0, total=0, percent=0.0)
    merged = reports(("pod-1", views.VERSION, 250)).merge_job(importing, now=50.0)
    assert (merged.bytes, merged.total, merged.percent, merged.rate) == (250, 1000, 25.0, 100.0)
    assert reports(("pod-2", views.VERSION, 250)).merge_job(importing, now=50.0) is importing


def test_a_job_is_not_done_before_its_end_was_said_and_never_goes_back() -> None:
    all_there = reports(("pod-2", views.COPY, 1000), ("pod-4", f"{views.VERSION}_pod-4_0", 1000))
    assert all_there.merge_job(job(), now=50.0).percent == NEARLY
    assert reports(("pod-2", views.COPY, 0)).merge_job(job(), now=50.0).percent == 36.7


@pytest.mark.parametrize("state", ["SUCCESS", "PARTIAL", "FAILURE", "CANCELLED"])
def test_a_job_that_came_to_an_end_is_shown_as_the_hub_has_it(state: str) -> None:
    ended = job(state=state)
    assert reports(("pod-2", views.COPY, 400)).merge_job(ended, now=50.0) is ended


def test_an_old_report_says_nothing_about_a_job() -> None:
    assert reports(("pod-2", views.COPY, 400)).merge_job(job(), now=50.0 + FRESH + 1).bytes == 1100
