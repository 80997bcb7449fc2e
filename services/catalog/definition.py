"""The catalog as the runtime runs it."""

from pathlib import Path

from catalog.handlers import LOCAL, reactions
from catalog.queries import QUERIES
from catalog.settings import CatalogSettings
from contracts.events import Speaker
from runtime.service import Definition

MIGRATIONS = Path(__file__).parent / "migrations"


def definition(settings: CatalogSettings) -> Definition:
    """What makes the service the catalog."""
    return Definition(Speaker.CATALOG, reactions(settings), LOCAL, QUERIES, MIGRATIONS)
