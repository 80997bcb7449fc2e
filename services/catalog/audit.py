"""The audit log of the catalog (features.md I5)."""

from collections.abc import Mapping

from catalog.watched import WATCHED
from contracts.events import Speaker
from runtime import audited as log
from runtime.work import Reaction

INSERT = log.INSERT


def audited(reactions: Mapping[type, Reaction]) -> dict[type, Reaction]:
    """The reactions, each writing what it changed to the audit log."""
    return log.audited(reactions, WATCHED, Speaker.CATALOG)
