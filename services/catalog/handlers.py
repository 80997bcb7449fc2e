"""Everything the catalog reacts to, as one table."""

from catalog import images, imports, pods, publishes
from catalog.config import Config
from catalog.imports import ImportOverdue
from catalog.publishes import PublishOverdue
from catalog.timeline import recorded
from runtime.work import Reaction

LOCAL = ImportOverdue | PublishOverdue
"""What the catalog says to itself."""


def reactions(config: Config) -> dict[type, Reaction]:
    """Type of message -> reaction, each recorded in the timeline of its job."""
    return recorded(
        {**images.reactions(), **imports.reactions(config), **publishes.reactions(config), **pods.reactions()}
    )
