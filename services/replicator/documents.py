"""What the replicator stores."""

from replicator.domain.copy import Copy
from replicator.domain.inventory import Collecting
from replicator.domain.limits import PodLimits
from replicator.domain.placement import Placement, Roster
from replicator.domain.pod import Pod
from runtime.work import Kind

POD: Kind[Pod] = Kind("pod", Pod)
"""By name."""
COPY: Kind[Copy] = Kind("copy", Copy)
"""By `contracts.names.copy_id`, which begins with the version: the copies of a version are a range of ids."""
PLACEMENT: Kind[Placement] = Kind("placement", Placement)
"""By version."""
ROSTER: Kind[Roster] = Kind("roster", Roster)
"""By version."""
INVENTORY: Kind[Collecting] = Kind("inventory", Collecting)
"""The inventory under way, by pod."""
LIMITS: Kind[PodLimits] = Kind("limits", PodLimits)
"""By pod. Apart from the pod, which each heartbeat writes."""
