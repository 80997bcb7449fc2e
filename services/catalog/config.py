"""What the handlers need beside their message."""

from collections.abc import Callable
from dataclasses import dataclass

from catalog.settings import CatalogSettings
from contracts.manifest import Manifest

Vouch = Callable[[str, Manifest], Manifest]
"""Signs the manifest of a version, given its id: the same way each time, so that handlers stay pure."""


@dataclass(frozen=True, slots=True)
class Config:
    settings: CatalogSettings
    vouch: Vouch
