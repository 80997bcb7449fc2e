"""Flavours and namespaces: what images may name."""

from catalog.documents import FLAVOUR, NAMESPACE
from catalog.domain.flavour import SYSTEM, Kept
from catalog.views import flavour_view, namespace_view
from contracts.requests import FlavourPage, ListFlavours, ListNamespaces, NamespacePage
from runtime.store import Reader

OF_TENANT = "SELECT id, body FROM documents WHERE kind = ? AND id > ? AND id < ? ORDER BY id"
"""All of a kind, of which a tenant can have a few only."""


async def list_flavours(query: ListFlavours, reader: Reader) -> FlavourPage:
    """System defaults and the tenant's own flavours, by name."""
    found = {name: Kept(flavour=flavour) for name, flavour in SYSTEM.items()}
    for _, body in await _of_tenant(FLAVOUR.name, query.actor.tenant, reader):
        kept = FLAVOUR.decode(body)
        system = SYSTEM.get(kept.flavour.name)
        found[kept.flavour.name] = kept if system is None else Kept(flavour=system, images=kept.images)
    return FlavourPage(items=tuple(flavour_view(found[name]) for name in sorted(found)))


async def list_namespaces(query: ListNamespaces, reader: Reader) -> NamespacePage:
    """All namespaces of the tenant, by name."""
    rows = await _of_tenant(NAMESPACE.name, query.actor.tenant, reader)
    return NamespacePage(items=tuple(namespace_view(NAMESPACE.decode(body)) for _, body in rows))


async def _of_tenant(kind: str, tenant: str, reader: Reader) -> list[tuple[str, bytes]]:
    rows = await reader.rows(OF_TENANT, (kind, f"{tenant}/", f"{tenant}0"))  # "0" is what follows "/"
    return [(id, body) for id, body in rows]
