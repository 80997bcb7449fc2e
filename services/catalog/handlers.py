"""Everything the catalog reacts to, as one table."""

from catalog import counting, images, imports, pods, policies, publishes, seeking, withdrawals
from catalog.config import Config
from catalog.counting import PublishOverdue
from catalog.imports import ImportOverdue
from catalog.timeline import recorded
from runtime.work import Reaction

LOCAL = ImportOverdue | PublishOverdue
"""What the catalog says to itself."""


def reactions(config: Config) -> dict[type, Reaction]:
    """Type of message -> reaction, each recorded in the timeline of its job."""
    return recorded(
        {
            **images.reactions(),
            **imports.reactions(config),
            **publishes.reactions(config),
            **counting.reactions(),
            **withdrawals.reactions(config),
            **seeking.reactions(config),
            **pods.reactions(),
            **policies.reactions(),
        }
    )
