"""Everything the catalog reacts to, as one table."""

from catalog import (
    access,
    aging,
    assignment_edits,
    assignments,
    cancelling,
    certificates,
    counting,
    deletion,
    deliveries,
    editions,
    flavours,
    galleries,
    holds,
    hosting,
    images,
    imports,
    intake,
    lives,
    markers,
    memberships,
    pods,
    policies,
    publishes,
    purging,
    reassigning,
    retention,
    retries,
    reviews,
    rollouts,
    schemas,
    seeking,
    shares,
    tagging,
    telling,
    validations,
    withdrawals,
)
from catalog.aging import JobAged
from catalog.audit import audited
from catalog.config import Config
from catalog.counting import PublishOverdue
from catalog.deliveries import DeliveryDue
from catalog.follow import RemovalDue
from catalog.holds import HoldFell
from catalog.imports import ImportOverdue
from catalog.pools import CopyStands, PodBack, PoolsDue, RolloutDue
from catalog.retention import SweepGalleries
from catalog.reviews import ReviewImage
from catalog.rollouts import AssignmentFollows
from catalog.shelves import ShelfChanged
from catalog.telling import GalleryTold, ImageTold
from catalog.timeline import recorded
from runtime.work import Reaction

LOCAL = (
    AssignmentFollows
    | CopyStands
    | DeliveryDue
    | GalleryTold
    | HoldFell
    | ImageTold
    | ImportOverdue
    | JobAged
    | PodBack
    | PoolsDue
    | PublishOverdue
    | RemovalDue
    | ReviewImage
    | RolloutDue
    | ShelfChanged
    | SweepGalleries
)
"""What the catalog says to itself."""


def reactions(config: Config) -> dict[type, Reaction]:
    """Type of message -> reaction, each recorded in the audit log and, as long as its job is kept, in its timeline."""
    return recorded(audited(aging.aging(_reactions(config), config.settings)))


def _reactions(config: Config) -> dict[type, Reaction]:
    return {
        **galleries.reactions(config),
        **images.reactions(config),
        **tagging.reactions(config),
        **telling.reactions(),
        **flavours.reactions(),
        **schemas.reactions(),
        **certificates.reactions(config),
        **imports.reactions(config),
        **intake.reactions(config),
        **publishes.reactions(config),
        **counting.reactions(),
        **withdrawals.reactions(config),
        **cancelling.reactions(config),
        **lives.reactions(),
        **access.reactions(),
        **holds.reactions(),
        **editions.reactions(),
        **validations.reactions(),
        **deletion.reactions(config),
        **purging.reactions(config),
        **retries.reactions(config),
        **retention.reactions(config),
        **reviews.reactions(config),
        **seeking.reactions(config),
        **shares.reactions(),
        **memberships.reactions(),
        **deliveries.reactions(config),
        **pods.reactions(),
        **policies.reactions(),
        **markers.reactions(config),
        **rollouts.reactions(config),
        **assignments.reactions(config),
        **assignment_edits.reactions(config),
        **reassigning.reactions(config),
        **hosting.reactions(config),
        **aging.reactions(config.settings),
    }
