"""Whether a pod may move bytes by its windows, and when that changes (`contracts.limits`)."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from contracts.limits import Limits, Window

WEEK = 8
"""Days after which windows repeat, and one more: a window that begins on the last reaches into the next."""


def open_at(limits: Limits, at: datetime) -> tuple[bool, datetime | None]:
    """Whether copies may move bytes at ``at``, and when that changes next (UTC); None when it never does.

    A pod without windows is always open. The hours are those of its wall clocks, as its connector reads them: where
    summer time skips or repeats an hour, a window is as much shorter or longer.
    """
    if not limits.windows:
        return True, None
    zone = _zone(limits.timezone)
    now = _open(limits.windows, at.astimezone(zone))
    changes = sorted(moment for moment in _moments(limits.windows, at.astimezone(zone)) if moment > at)
    return now, next((moment for moment in changes if _open(limits.windows, moment.astimezone(zone)) != now), None)


def _open(windows: tuple[Window, ...], local: datetime) -> bool:
    return any(_covers(window, local) for window in windows)


def _covers(window: Window, local: datetime) -> bool:
    """Whether the wall clock ``local`` is in ``window``; one that reaches into the next day began the day before."""
    clock, today = local.strftime("%H:%M"), local.weekday()
    yesterday = (today - 1) % 7

    def on(day: int) -> bool:
        return not window.days or day in window.days

    if window.begin < window.end:
        return on(today) and window.begin <= clock < window.end
    return (on(today) and clock >= window.begin) or (on(yesterday) and clock < window.end)


def _moments(windows: tuple[Window, ...], local: datetime) -> Iterator[datetime]:
    """When wall clocks show a begin or an end, or a new day, within the next week."""
    clocks = {"00:00", *(clock for window in windows for clock in (window.begin, window.end))}
    for days in range(WEEK + 1):
        day = local.date() + timedelta(days=days)
        for clock in clocks:
            yield datetime.combine(day, time.fromisoformat(clock), local.tzinfo).astimezone(UTC)


@lru_cache(256)
def _zone(name: str) -> tzinfo:
    """The zone; UTC for one that this machine's database has lost since it was checked (`replicator.limits`)."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
