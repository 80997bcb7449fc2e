"""Placements of which no copy is made for a time: a person paused them, or the data of their version is denied."""

from replicator import dispatch
from replicator.config import Config
from replicator.documents import PLACEMENT, ROSTER
from replicator.domain.copy import Available
from replicator.domain.placement import Placement, Roster
from replicator.domain.verdict import Pause, decide
from replicator.held import look_again
from replicator.moves import move
from replicator.targeting import copies_of
from runtime.work import Work


def settle(work: Work, config: Config, before: Placement, after: Placement) -> None:
    """Keep a placement for which a reason to stop came or went. With the first one its copies stop, and what was
    verified of them stays; without the last one the next attempt of each goes on."""
    version = after.version
    work.put(PLACEMENT, version, after)
    if before.halted == after.halted:
        return
    copies = copies_of(work, version, work.get(ROSTER, version) or Roster()).values()
    if after.halted:
        for copy in copies:
            move(work, config, copy, decide(copy, Pause()), after)
        dispatch.halt(work, after)
    else:
        dispatch.resume(work, config, after)
        for copy in copies:
            if not isinstance(copy, Available):  # what its pod told to have in the meantime was left alone
                look_again(work, copy.pod, copy.version)
