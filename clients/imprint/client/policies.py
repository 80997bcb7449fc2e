"""Placement policies."""

import msgspec

from contracts.requests import PolicyPage
from contracts.terms import Policy
from contracts.views import PolicyView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Policies(Connection):
    """What the client does with placement policies."""

    async def policies(self) -> list[PolicyView]:
        """All policies, by name."""
        return await self._all("/v1/policies", PolicyPage)

    async def policy(self, name: str) -> PolicyView:
        """A policy with the pods that match it now."""
        return await self._get(_path(name), PolicyView)

    async def set_policy(self, name: str, policy: Policy, revision: int | None = None) -> PolicyView:
        """Make or change a policy; with ``revision`` only if that is the one in force (0: there is none)."""
        return await self._write("PUT", _path(name), msgspec.to_builtins(policy), PolicyView, revision=revision)

    async def suspend_policy(self, name: str, *, resume: bool = False) -> PolicyView:
        """Leave a policy out of account, or heed it again."""
        return await self._post(f"{_path(name)}/{'resume' if resume else 'suspend'}", None, PolicyView)

    async def drop_policy(self, name: str) -> None:
        """Remove a policy; the copies that it made stay."""
        await self._command("DELETE", _path(name))


def _path(name: str) -> str:
    return f"/v1/policies/{segment(name)}"
