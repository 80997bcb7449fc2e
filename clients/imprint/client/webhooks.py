"""Webhooks and their deliveries."""

from collections.abc import Mapping
from typing import Any

from contracts.requests import DeliveryPage, HookPage
from contracts.views import DeliveryView, HookView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Webhooks(Connection):
    """What the client does with webhooks."""

    async def webhooks(self) -> list[HookView]:
        """All webhooks."""
        return await self._all("/v1/webhooks", HookPage)

    async def webhook(self, id: str) -> HookView:
        """A webhook, and how its deliveries go."""
        return await self._get(_path(id), HookView)

    async def add_webhook(self, url: str, wanted: Mapping[str, Any]) -> HookView:
        """Have events posted to ``url``; the answer is the only one that shows the secret."""
        return await self._post("/v1/webhooks", {"url": url, **wanted}, HookView)

    async def change_webhook(self, id: str, changes: Mapping[str, Any], revision: int | None = None) -> HookView:
        """Change what is named; with ``revision`` only if that is the one in force."""
        return await self._write("PATCH", _path(id), dict(changes), HookView, revision=revision)

    async def remove_webhook(self, id: str) -> None:
        """Remove a webhook with its deliveries."""
        await self._command("DELETE", _path(id))

    async def test_webhook(self, id: str) -> DeliveryView:
        """Send a test delivery, whatever the webhook is for."""
        return await self._post(f"{_path(id)}/test", None, DeliveryView)

    async def redeliver(self, id: str, delivery: str | None = None) -> None:
        """Try a delivery again that was given up; all of them when none is named."""
        await self._command("POST", f"{_path(id)}/redeliver", None if delivery is None else {"delivery": delivery})

    async def deliveries(self, id: str, state: str | None = None) -> list[DeliveryView]:
        """The deliveries of a webhook, newest first."""
        return await self._all(f"{_path(id)}/deliveries", DeliveryPage, state=state)


def _path(id: str) -> str:
    return f"/v1/webhooks/{segment(id)}"
