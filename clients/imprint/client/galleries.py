"""Galleries, quotas, retention policies, flavours, namespaces, and the audit log."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from contracts.definition import Flavour, Namespace
from contracts.keeping import Quota, Retention
from contracts.requests import AuditPage, FlavourPage, GalleryPage, NamespacePage, RetentionPage, VictimPage
from contracts.views import FlavourView, GalleryView, NamespaceView, QuotaView, RetentionView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Galleries(Connection):
    """What the client does with galleries and with the rules about what they hold.

    What is ``wanted``, and ``changes`` (a JSON merge patch), are mappings as the API has them.
    """

    async def galleries(
        self, *, reach: str | None = None, where: Mapping[str, str] = {}, sort: str | None = None
    ) -> list[GalleryView]:
        """All galleries for which every filter holds, by name; ``where`` are filters on single fields. ``reach`` is
        ``own`` (else), ``shared``, ``community``, ``public`` or ``all``."""
        return await self._all("/v1/galleries", GalleryPage, **{"reach": reach, "sort": sort, **where})

    async def gallery(self, gallery: str) -> GalleryView:
        """A gallery by name or id, with what it may hold and holds."""
        return await self._get(_gallery(gallery), GalleryView)

    async def create_gallery(self, name: str, wanted: Mapping[str, Any] = {}) -> GalleryView:
        """Make a gallery, with a description, a quota, a rule about deleted versions."""
        return await self._post("/v1/galleries", {"name": name, **wanted}, GalleryView)

    async def edit_gallery(self, gallery: str, changes: Mapping[str, Any], revision: int | None = None) -> GalleryView:
        """Change what is named; with ``revision`` only if that is the one in force."""
        return await self._write("PATCH", _gallery(gallery), dict(changes), GalleryView, revision=revision)

    async def drop_gallery(self, gallery: str, revision: int | None = None) -> None:
        """Delete an empty gallery."""
        await self._command("DELETE", _gallery(gallery), revision=revision)

    async def quota(self, tenant: str | None = None) -> QuotaView:
        """What the tenant may hold and holds; operators may name another one."""
        return await self._get("/v1/quota", QuotaView, tenant=tenant)

    async def set_quota(self, tenant: str, quota: Quota, revision: int | None = None) -> QuotaView:
        """Set what a tenant may hold over all its galleries; with ``revision`` only over that one (0: none was set)."""
        path, body = f"/v1/quotas/{segment(tenant)}", msgspec.to_builtins(quota)
        return await self._write("PUT", path, body, QuotaView, revision=revision)

    async def retentions(self) -> list[RetentionView]:
        """All retention policies, by name."""
        return await self._all("/v1/retentions", RetentionPage)

    async def set_retention(self, retention: Retention, revision: int | None = None) -> RetentionView:
        """Make a retention policy, or replace the one of its name; with ``revision`` only that one (0: none)."""
        path, body = _retention(retention.name), _unnamed(retention)
        return await self._write("PUT", path, body, RetentionView, revision=revision)

    async def drop_retention(self, name: str, revision: int | None = None) -> None:
        """Remove a retention policy."""
        await self._command("DELETE", _retention(name), revision=revision)

    async def preview_retention(self, retention: str | Retention) -> VictimPage:
        """What a policy would take now: one that is kept, by name, or one that is not (yet). All pages of it."""
        name, body = (retention, None) if isinstance(retention, str) else (retention.name, _unnamed(retention))
        return await self._whole(f"{_retention(name)}/preview", VictimPage, method="POST", body=body)

    async def run_retention(self, name: str) -> None:
        """Apply a retention policy now."""
        await self._command("POST", f"{_retention(name)}/run")

    async def flavours(self) -> list[FlavourView]:
        """The system's flavours and the tenant's own, by name."""
        return await self._all("/v1/flavours", FlavourPage)

    async def set_flavour(self, flavour: Flavour, revision: int | None = None) -> FlavourView:
        """Make a flavour, or replace the one of its name; with ``revision`` only that one (0: none)."""
        body = _unnamed(flavour)
        body.pop("system")
        return await self._write("PUT", _flavour(flavour.name), body, FlavourView, revision=revision)

    async def drop_flavour(self, name: str, revision: int | None = None) -> None:
        """Remove a flavour that no image names."""
        await self._command("DELETE", _flavour(name), revision=revision)

    async def namespaces(self) -> list[NamespaceView]:
        """All namespaces, by name."""
        return await self._all("/v1/namespaces", NamespacePage)

    async def set_namespace(self, namespace: Namespace, revision: int | None = None) -> NamespaceView:
        """Make or replace the schemas of properties, and the predefined tags, of a namespace; with ``revision`` only of
        that one (0: none)."""
        path, body = _namespace(namespace.name), _unnamed(namespace)
        return await self._write("PUT", path, body, NamespaceView, revision=revision)

    async def drop_namespace(self, name: str, revision: int | None = None) -> None:
        """Remove a namespace; the properties of images stay."""
        await self._command("DELETE", _namespace(name), revision=revision)

    async def audit(
        self,
        about: str | None = None,
        actor: str | None = None,
        *,
        where: Mapping[str, str] = {},
        sort: str | None = None,
    ) -> AsyncIterator[AuditPage]:
        """The audit log page by page, the oldest entries first unless ``sort`` is ``-sequence``; it may be long."""
        query = {"about": about, "actor": actor, "sort": sort, "limit": "500", **where}
        cursor: str | None = None
        while True:
            page = await self._get("/v1/audit", AuditPage, **query, cursor=cursor)
            yield page
            cursor = page.next
            if cursor is None:
                return


def _gallery(gallery: str) -> str:
    return f"/v1/galleries/{segment(gallery)}"


def _retention(name: str) -> str:
    return f"/v1/retentions/{segment(name)}"


def _flavour(name: str) -> str:
    return f"/v1/flavours/{segment(name)}"


def _namespace(name: str) -> str:
    return f"/v1/namespaces/{segment(name)}"


def _unnamed(thing: msgspec.Struct) -> dict[str, Any]:
    """The body of a thing whose name is in the path."""
    body: dict[str, Any] = msgspec.to_builtins(thing)
    body.pop("name")
    return body
