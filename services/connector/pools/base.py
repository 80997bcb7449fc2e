"""The protocol between the connector and what makes the seats of pools on a pod.

All methods block and run in threads, for one pool in one thread at a time. They raise `Refused` with a stable code
where the pod cannot do what is asked, and OSError where the machine fails. Assignments' ids are the hub's; a name that
could be more than a folder's is refused.
"""

from typing import Protocol

from connector.backends.base import Placed
from connector.domain.desktop import Desktop, Found
from contracts.desktops import Wanted


class Pools(Protocol):
    """The pools of one pod."""

    def seats(self, assignment: str) -> list[Found]:
        """The seats that are there, by number and name."""

    def original(self, wanted: Wanted) -> Placed:
        """The intact item of the library that seats are made from: that of the copy named, else another of the same
        content. Raises Refused: ``version_missing``."""

    def stage(self, original: Placed, desktop: Desktop) -> None:
        """Build a seat beside the one that is there, if one is. Data disks that it has are kept.

        Raises Refused: ``seat_failed``, ``file_not_found`` when the item goes away meanwhile.
        """

    def put(self, assignment: str, seat: str, *, patient: bool) -> bool:
        """Have what was staged take the seat's place: durable, and never half of it.

        False, and nothing is changed, when somebody uses the seat and is to be left alone (``patient``).
        """

    def amend(self, desktop: Desktop) -> None:
        """Change what can be changed of a seat without making it anew: its description and its added data disks.

        Raises Refused: ``seat_failed``.
        """

    def remove(self, assignment: str, seat: str, *, patient: bool) -> bool:
        """Remove a seat with all it has; False as for `put`. None there is fine."""

    def drop(self, assignment: str) -> None:
        """Remove what is left of a pool without seats."""

    def tidy(self, assignment: str) -> None:
        """Take back what was staged and not put, and end what a crash interrupted."""

    def settle(self) -> None:
        """Remove bases that no seat of any pool needs any more; those of items that were repaired become the repaired
        ones."""
