"""The catalog as the runtime runs it."""

from pathlib import Path

from catalog.config import Config
from catalog.handlers import LOCAL, reactions
from catalog.queries import queries
from catalog.settings import CatalogSettings
from contracts.events import Speaker
from contracts.manifest import Manifest
from runtime import vouching
from runtime.service import Definition
from runtime.signing import PrivateKey

MIGRATIONS = Path(__file__).parent / "migrations"


def definition(settings: CatalogSettings) -> Definition:
    """What makes the service the catalog. Opens the key that signs manifests, making it when there is none.

    Raises:
        KeyFileError: the key file cannot be used.
    """
    key = PrivateKey.open(settings.key_path)

    def vouch(version: str, manifest: Manifest) -> Manifest:
        return vouching.vouched(version, manifest, key)

    return Definition(Speaker.CATALOG, reactions(Config(settings, vouch)), LOCAL, queries(settings), MIGRATIONS)
