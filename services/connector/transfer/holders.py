"""Who has the bytes: holders in the hub's order of preference, and what became of each in this copy."""

import threading
from collections.abc import Sequence
from typing import Final

from connector.failures import Refused
from contracts.errors import Failure
from contracts.events.to_pods import Holder

STEP: Final = "fetch"
PATIENCE: Final = (0.1, 0.5, 2.0)
"""Seconds before a holder whose connection failed is asked again; then it is given up for this attempt."""
_RANK: Final = ("digest_mismatch", "index_invalid", "source_refused", "source_unreachable")


class HolderFailed(Exception):  # noqa: N818
    """A holder did not give what it was asked for. ``passing``: asking it again may help."""

    def __init__(self, code: str, text: str, *, passing: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.passing = passing


class Holders:
    """The holders of a copy, shared by its threads. All work with the first that has not failed."""

    def __init__(self, holders: Sequence[Holder]) -> None:
        self._holders = list(holders)
        self._stumbles: dict[str, int] = {}
        self._failed: dict[str, HolderFailed] = {}
        self._lock = threading.Lock()

    def current(self) -> Holder:
        """The holder to ask. Raises Refused, naming every holder and its failure, when none is left."""
        with self._lock:
            for holder in self._holders:
                if holder.pod not in self._failed:
                    return holder
            raise self._exhausted()

    def failed(self, holder: Holder, error: HolderFailed) -> float:
        """Note a failure; the seconds to wait before the next request."""
        with self._lock:
            stumbles = self._stumbles.get(holder.pod, 0)
            if error.passing and stumbles < len(PATIENCE):
                self._stumbles[holder.pod] = stumbles + 1
                return PATIENCE[stumbles]
            self._failed.setdefault(holder.pod, error)
            return 0.0

    def served(self, holder: Holder) -> None:
        """The holder gave good bytes: earlier stumbles are forgotten."""
        if holder.pod in self._stumbles:
            with self._lock:
                self._stumbles.pop(holder.pod, None)

    def _exhausted(self) -> Refused:
        if not self._failed:
            return Refused(
                Failure(code="source_unreachable", step=STEP, text="No pod is named that holds the version", retry=True)
            )
        codes = {error.code for error in self._failed.values()}
        return Refused(
            Failure(
                code=next(code for code in _RANK if code in codes),
                step=STEP,
                text="; ".join(f"{pod}: {error.text}" for pod, error in self._failed.items()),
                hint="Check that the named pods are up and reachable from here; the copy resumes where it stopped.",
                retry=True,
            )
        )
