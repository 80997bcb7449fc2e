"""Flavours and namespaces as people see them."""

from catalog.domain.flavour import Kept
from catalog.domain.schema import KeptNamespace
from contracts.views import FlavourView, NamespaceView


def flavour_view(kept: Kept) -> FlavourView:
    """A flavour, and how many images name it."""
    return FlavourView(flavour=kept.flavour, images=kept.images, revision=kept.revision)


def namespace_view(kept: KeptNamespace) -> NamespaceView:
    """A namespace."""
    return NamespaceView(namespace=kept.namespace, revision=kept.revision)
