"""Windows: whether a pod may move bytes at a moment, and when that changes."""

from datetime import UTC, datetime

import pytest

from contracts.limits import Limits, Window
from replicator.domain.windows import open_at

NIGHT = Window(begin="22:00", end="06:00")
NOON = Window(begin="12:00", end="13:00", days=(0, 2))
"""On Mondays and Wednesdays."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "zone", "moment", "open_", "changes"),
    [
        ((), "UTC", "2026-03-02 12:00", True, None),
        ((NIGHT,), "UTC", "2026-03-02 21:59:59", False, "2026-03-02 22:00"),
        ((NIGHT,), "UTC", "2026-03-02 22:00", True, "2026-03-03 06:00"),
        ((NIGHT,), "UTC", "2026-03-03 05:59:59", True, "2026-03-03 06:00"),
        ((NIGHT,), "UTC", "2026-03-03 06:00", False, "2026-03-03 22:00"),
        # 22:00 in Berlin is 21:00 UTC in winter
        ((NIGHT,), "Europe/Berlin", "2026-03-02 21:00", True, "2026-03-03 05:00"),
        # the night in which summer time begins is an hour shorter
        ((NIGHT,), "Europe/Berlin", "2026-03-28 21:30", True, "2026-03-29 04:00"),
        # and the one in which it ends is an hour longer
        ((NIGHT,), "Europe/Berlin", "2026-10-24 20:00", True, "2026-10-25 05:00"),
        ((NOON,), "UTC", "2026-03-02 12:30", True, "2026-03-02 13:00"),  # a Monday
        ((NOON,), "UTC", "2026-03-03 12:30", False, "2026-03-04 12:00"),
        ((NOON,), "UTC", "2026-03-04 13:00", False, "2026-03-09 12:00"),
        # windows that meet are one
        ((NIGHT, Window(begin="06:00", end="08:00")), "UTC", "2026-03-03 05:00", True, "2026-03-03 08:00"),
        # the whole day
        ((Window(begin="00:00", end="00:00"),), "UTC", "2026-03-03 05:00", True, None),
        # days are those on which a window begins: that of Sunday reaches into Monday
        ((Window(begin="22:00", end="06:00", days=(6,)),), "UTC", "2026-03-02 05:00", True, "2026-03-02 06:00"),
        ((Window(begin="22:00", end="06:00", days=(6,)),), "UTC", "2026-03-02 23:00", False, "2026-03-08 22:00"),
        # a zone that the machine's database does not know any more is taken for UTC
        ((NIGHT,), "Mars/Olympus", "2026-03-02 22:00", True, "2026-03-03 06:00"),
    ],
)
def test_a_pod_is_open_within_its_windows_and_the_next_change_is_known(
    windows: tuple[Window, ...], zone: str, moment: str, open_: bool, changes: str | None
) -> None:
    wanted = (open_, None if changes is None else at(changes))
    assert open_at(Limits(windows=windows, timezone=zone), at(moment)) == wanted
