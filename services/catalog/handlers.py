"""Everything the catalog reacts to, as one table."""

from catalog import images, imports, pods, publishes
from catalog.imports import ImportOverdue
from catalog.publishes import PublishOverdue
from catalog.settings import CatalogSettings
from catalog.timeline import recorded
from runtime.work import Reaction

LOCAL = ImportOverdue | PublishOverdue
"""What the catalog says to itself."""


def reactions(settings: CatalogSettings) -> dict[type, Reaction]:
    """Type of message -> reaction, each recorded in the timeline of its job."""
    return recorded(
        {**images.reactions(), **imports.reactions(settings), **publishes.reactions(settings), **pods.reactions()}
    )
