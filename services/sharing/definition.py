"""Sharing as the runtime runs it."""

from contracts.events import Speaker
from runtime.service import Definition
from sharing.handlers import reactions
from sharing.queries import QUERIES
from sharing.settings import SharingSettings


def definition(settings: SharingSettings) -> Definition:
    """What makes the service sharing. It needs no tables beside its documents, whose keys serve its one list."""
    return Definition(Speaker.SHARING, reactions(settings), queries=QUERIES)
