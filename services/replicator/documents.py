"""What the replicator stores."""

from replicator.domain.copy import Copy
from replicator.domain.delivery import Deliveries, Member
from replicator.domain.denied import Denied
from replicator.domain.fixed import Fixed
from replicator.domain.held import Held
from replicator.domain.inventory import Collecting, Entries, Ledger, Sought
from replicator.domain.lane import Lane
from replicator.domain.limits import PodLimits
from replicator.domain.placement import CalledOff, Placement, Roster
from replicator.domain.pod import Pod
from replicator.domain.policy import NamedPolicy
from replicator.domain.queue import Queue
from replicator.domain.run import Run
from replicator.domain.seated import Seated
from replicator.domain.shelf import Joined, Shelf
from runtime.work import Kind

POD: Kind[Pod] = Kind("pod", Pod)
"""By name."""
LIMITS: Kind[PodLimits] = Kind("limits", PodLimits)
"""By pod. Apart from the pod, which each heartbeat writes."""
QUEUE: Kind[Queue] = Kind("queue", Queue)
"""By pod: its copies that wait, are under way, or are to go."""
COPY: Kind[Copy] = Kind("copy", Copy)
"""By `contracts.names.copy_id`, which begins with the version: the copies of a version are a range of ids."""
PLACEMENT: Kind[Placement] = Kind("placement", Placement)
"""By version; every report of a copy reads it."""
ROSTER: Kind[Roster] = Kind("roster", Roster)
"""By version; read when what is wanted changes."""
CALLED_OFF: Kind[CalledOff] = Kind("called_off", CalledOff)
"""By version, of which no placement is known."""
RUN: Kind[Run] = Kind("run", Run)
"""By version: the staged start of a publish."""
LANE: Kind[Lane] = Kind("lane", Lane)
"""By tenant: its publishes under way, and those that wait their turn."""
HELD: Kind[Held] = Kind("held", Held)
"""By pod and section of its inventory (`replicator.held.held_ref`): what should be there."""
LEDGER: Kind[Ledger] = Kind("ledger", Ledger)
"""By pod: the digests of its inventory's sections, as last reported."""
INVENTORY: Kind[Collecting] = Kind("inventory", Collecting)
"""The inventory under way, by pod."""
ENTRIES: Kind[Entries] = Kind("entries", Entries)
"""By pod, generation, section and page: items of an inventory until they were compared."""
SOUGHT: Kind[Sought] = Kind("sought", Sought)
"""By version, of which no placement is known."""
FIXED: Kind[Fixed] = Kind("fixed", Fixed)
"""By image, of which copies may not be removed one by one."""
DENIED: Kind[Denied] = Kind("denied", Denied)
"""By version, of which the data is denied, or was."""
SEATED: Kind[Seated] = Kind("seated", Seated)
"""By pod: its seats, by assignment and version."""
DELIVERIES: Kind[Deliveries] = Kind("deliveries", Deliveries)
"""By image. What it is shared by is kept beside it (`runtime.access`)."""
MEMBER: Kind[Member] = Kind("member", Member)
"""By tenant."""
POLICY: Kind[NamedPolicy] = Kind("policy", NamedPolicy)
"""By tenant and name, ``<tenant>.<name>``."""
SHELF: Kind[Shelf] = Kind("shelf", Shelf)
"""By image: its live versions, the newest first."""
JOINED: Kind[Joined] = Kind("joined", Joined)
"""The one of pods that policies have still to be held against."""
