"""Flavours and namespaces as people see them."""

from contracts.definition import Flavour, Namespace
from contracts.views import FlavourView, NamespaceView


def flavour_view(flavour: Flavour, images: int = 0) -> FlavourView:
    """A flavour that ``images`` images name."""
    return FlavourView(flavour=flavour, images=images)


def namespace_view(namespace: Namespace) -> NamespaceView:
    """A namespace."""
    return NamespaceView(namespace=namespace)
