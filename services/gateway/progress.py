"""The last known progress of copies under way: heard live, never stored, forgotten when it grows old."""

from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from contracts.views import CopyView, Progress

FRESH = 60.0
"""Seconds for which a report is believed."""
MOST = 4096
"""Copies of which the last report is kept."""
MOVING = frozenset({"PENDING", "REPLICATING", "RETRY_PENDING"})
"""States of a copy in which bytes may still move."""

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

    def get(self, id: str, now: float) -> Progress | None:
        """The latest report about ``id``, unless it is old."""
        at, report = self._reports.get(id, (now, None))
        return report.progress if report is not None and now - at <= FRESH else None

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
