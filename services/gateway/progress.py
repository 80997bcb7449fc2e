"""The last known progress of copies under way: heard live, never stored, forgotten when it grows old."""

from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from contracts.names import copy_id
from contracts.views import CopyView, JobRow, JobView, Progress

FRESH = 60.0
"""Seconds for which a report is believed."""
MOST = 4096
"""Copies of which the last report is kept."""
MOVING = frozenset({"PENDING", "REPLICATING", "RETRY_PENDING"})
"""States of a copy in which bytes may still move."""
UNDER_WAY = frozenset({"PENDING", "PROCESSING", "CANCELLING"})
"""States of a job that has not come to its end."""
NEARLY = 99.9
"""Percent of a job whose bytes are all there: the rest is said by its end."""

WAITING = "waiting"
"""The step of a copy that rests outside its pod's hours."""
HOURS = "window"
"""The reason of such a copy, in the words of `CopyView.reason`."""

_decode = msgspec.json.Decoder(Progress).decode


@dataclass(frozen=True, slots=True)
class Report:
    """What a pod said about one copy, or about the import of one version."""

    pod: str
    progress: Progress


def read(subject: str, body: bytes) -> Report | None:
    """The report on ``progress.pod.<pod>.<id>``; None when it is none, or speaks of what is not the pod's own.

    Only the subject is guarded by the server: the body must not name another copy than the subject does, and a copy
    must be on the pod that speaks.
    """
    tokens = subject.split(".")
    if len(tokens) != 4:
        return None
    pod, ident = tokens[2], tokens[3]
    try:
        progress = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    own = ident == progress.version or ident.startswith(f"{progress.version}_{pod}_")
    sane = min(progress.bytes_done, progress.bytes_total) >= 0
    return Report(pod, progress) if own and sane and progress.id == ident else None


class Latest:
    """The latest report for each id, at most `MOST` of them and none older than `FRESH`; times in seconds."""

    def __init__(self) -> None:
        self._reports: OrderedDict[str, tuple[float, Report]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._reports)

    def put(self, report: Report, now: float) -> None:
        """Remember a report and forget what is old."""
        self._reports[report.progress.id] = (now, report)
        self._reports.move_to_end(report.progress.id)
        while self._reports:
            at, _ = next(iter(self._reports.values()))
            if len(self._reports) <= MOST and now - at <= FRESH:
                return
            self._reports.popitem(last=False)

    def get(self, id: str, now: float, pod: str | None = None) -> Progress | None:
        """The latest report about ``id``, unless it is old, or another pod than ``pod`` made it."""
        at, report = self._reports.get(id, (now, None))
        if report is None or now - at > FRESH or pod not in (None, report.pod):
            return None
        return report.progress

    def merge(self, view: CopyView, now: float) -> CopyView:
        """The copy with what is known live; the pod's word moves bytes and rate only, never the state."""
        progress = self.get(view.id, now)
        if progress is None or view.state not in MOVING:
            return view
        under_way = view.state == "REPLICATING"  # what waits has no rate, whatever it had before it waited
        return msgspec.structs.replace(
            view,
            bytes_done=progress.bytes_done,
            bytes_total=max(view.bytes_total, progress.bytes_total),
            bytes_network=progress.bytes_network,
            bytes_reused=progress.bytes_reused,
            rate=progress.rate if under_way else None,
            eta=progress.eta if under_way else None,
            reason=HOURS if progress.step == WAITING else view.reason,
        )

    def merge_job(self, view: JobView, now: float) -> JobView:
        """The job with what is known live of its rows: of a publish the copies, of an import the version itself."""
        if view.state not in UNDER_WAY:
            return view
        rows = tuple(self._merge_row(view, row, now) for row in view.rows)
        if rows == view.rows:
            return view
        changes = tuple(zip(rows, view.rows, strict=True))
        done = view.bytes + sum(after.bytes - before.bytes for after, before in changes)
        total = view.total + sum(after.total - before.total for after, before in changes)
        rate = sum(row.rate or 0.0 for row in rows) or None
        percent = min(round(100 * done / total, 1), NEARLY) if total else view.percent
        return msgspec.structs.replace(
            view,
            rows=rows,
            bytes=done,
            total=total,
            rate=rate,
            eta=None if rate is None else max(total - done, 0) / rate,
            percent=max(view.percent, percent),
        )

    def _merge_row(self, view: JobView, row: JobRow, now: float) -> JobRow:
        importing = view.kind == "import"
        if not importing and row.state not in MOVING:
            return row
        ident = view.version if importing else copy_id(view.version, row.pod, row.replica)
        progress = self.get(ident, now, row.pod)
        if progress is None:
            return row
        moving = importing or row.state == "REPLICATING"
        return msgspec.structs.replace(
            row,
            bytes=progress.bytes_done,
            total=max(row.total, progress.bytes_total),
            rate=progress.rate if moving else None,
            eta=progress.eta if moving else None,
        )
