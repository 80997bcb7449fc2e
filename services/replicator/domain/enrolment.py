"""Who may join the house (features.md D3): a pod whose operator meant it to, or, where doors stand open, any."""

from datetime import datetime

import msgspec

from replicator.domain.pod import Pod, Removed


class Leave(msgspec.Struct, frozen=True):
    """Leave to join, by a token ``issued`` for this pod with its operator's ``labels``; ``issued`` None: by nobody in
    particular, because the house is open."""

    labels: dict[str, str] = {}
    issued: datetime | None = None


def admitted(pod: Pod | None, leave: Leave | None) -> bool:
    """Whether a pod that announces itself may join or stay. One that was removed comes back only with a token made
    after that: an older one, still in its files, must not undo the removal."""
    match pod:
        case None:
            return leave is not None
        case Removed():
            return leave is not None and leave.issued is not None and leave.issued > pod.removed
    return True
