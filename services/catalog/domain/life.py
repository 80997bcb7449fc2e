"""What may become of an image or a version besides its work: disabled, protected, deprecated, on its way out.

Orthogonal to the states of the work (features.md b.2): a version that is disabled or soft-deleted keeps its copies, and
words about them still count, so that enabling or restoring it needs nothing but to take the mark away.
"""

from datetime import datetime
from typing import Literal

import msgspec

from contracts.definition import Deprecation


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """How far a version is on its way out (features.md F9).

    SOFT_DELETED until ``grace``: usable by its number. GRACE until ``purge``: restorable only. DELETING: its copies and
    its source go, in the job ``job``. DELETED: only its number is remembered.
    """

    stage: Literal["SOFT_DELETED", "GRACE", "DELETING", "DELETED"]
    at: datetime
    grace: datetime | None = None
    purge: datetime | None = None
    job: str = ""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of an image or a version.

    ``protected`` ends ``cool_down`` hours after it was turned off: until ``protected_until`` it still holds (F8).
    ``replacement`` is an image's id, or a number of the same image (A9). ``deactivated``: the data of a version is
    denied to all but operators (F6).
    """

    disabled: bool = False
    deactivated: bool = False
    hidden: bool = False
    protected: bool = False
    cool_down: float = 0.0
    protected_until: datetime | None = None
    deprecation: Deprecation = "ACTIVE"
    replacement: str = ""
    end_of_life: datetime | None = None
    block_deletion: bool = False
    removal: Removal | None = None


ALIVE = Life()
"""Of what nobody said anything about."""


def gone(life: Life) -> bool:
    """Whether of what it is the life of only a number is remembered."""
    return life.removal is not None and life.removal.stage == "DELETED"
