"""The import plug-ins that the catalog runs itself (features.md B13)."""

from collections.abc import Iterator, Sequence

import msgspec

from catalog import images
from catalog.documents import IMAGE, NAMESPACE, namespace_key
from catalog.domain import plugins, schema
from catalog.domain.plugins import INJECT
from catalog.domain.version import Version
from catalog.settings import CatalogSettings
from contracts.events import Event
from contracts.events.hub import VersionStepped
from runtime.work import Ref, Work


def refs(version: Version, settings: CatalogSettings) -> Iterator[Ref]:
    """The documents that `run` reads, beside the version's image."""
    if INJECT in version.plugins:
        for name in schema.namespaces_of(settings.injected):
            yield NAMESPACE(namespace_key(version.tenant, name))


def run(work: Work, version: Version, events: Sequence[Event], settings: CatalogSettings) -> Version:
    """Do what the `VersionStepped` among ``events`` will say was done; the version with its warnings."""
    for event in events:
        if isinstance(event, VersionStepped) and event.step == INJECT:
            version = _inject(work, version, settings)
    return version


def _inject(work: Work, version: Version, settings: CatalogSettings) -> Version:
    """Write the properties of the settings to the image, as an edit would."""
    image = work.get(IMAGE, version.image)
    if image is None:
        return version
    given, before = settings.injected, image.details.properties
    found = plugins.injected(before, given, images.namespaces(work, image.tenant, given))
    if found.properties != before:
        details = msgspec.structs.replace(image.details, properties=found.properties)
        after = msgspec.structs.replace(image, details=details)
        images.change(work, version.image, after, ("details.properties",))
    new = tuple(text for text in found.warnings if text not in version.warnings)
    return msgspec.structs.replace(version, warnings=(*version.warnings, *new))
