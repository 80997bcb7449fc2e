"""The land's door, the tokens of those who come to it, and everything that the owner has beside images."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from contracts.principals import Role
from contracts.requests import CreateToken, RevokeToken, SetPodTenants, SetUser
from gateway.openapi import document
from gateway.server import Gateway
from harness.asking import ACTOR
from harness.signers import Signer
from runtime.bearer import digest, new_secret
from runtime.ids import new_id
from walls.land import MARK, OWNER, Land, Thing
from walls.routes import PARAMETERS, ROUTES, STREAMS, Route

DOCUMENT: dict[str, Any] = json.loads(document())
_id = re.compile("[0-9a-f]{32}")
METHODS = ("get", "post", "put", "patch", "delete", "head")
OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in METHODS
}
"""Method and path of every operation of the document."""
POD = "pod-3"
"""The pod that the owner's tenant has to itself."""


@dataclass(frozen=True)
class Bearers:
    """Makes tokens, which are kept: by tenant and role."""

    land: Land
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    async def token(self, tenant: str, role: Role | None = "owner", hours: float = 1.0) -> str:
        """The token of somebody of a tenant in a role (None: in no role at all)."""
        name = f"{MARK}ada" if tenant == OWNER else f"jo-{role or 'nobody'}"
        if (kept := self.known.get((tenant, str(role)))) is not None and hours == 1.0:
            return kept
        secret = new_secret()
        await self.land.do(ACTOR, SetUser, name=name, tenant=tenant, roles=() if role is None else (role,))
        made = await self.land.do(ACTOR, CreateToken, user=name, tenant=tenant, digest=digest(secret), hours=hours)
        if hours == 1.0:
            self.known[tenant, str(role)] = secret
        else:
            self.known["id of", secret] = made.id
        return secret

    async def revoked(self, tenant: str) -> str:
        """A token that was revoked."""
        secret = await self.token(tenant, "owner", hours=2.0)
        await self.land.do(ACTOR, RevokeToken, token=self.known["id of", secret], tenant=tenant)
        return secret

    async def expired(self, tenant: str) -> str:
        """A token whose time is over."""
        secret = await self.token(tenant, "owner", hours=0.3 / 3600)
        await asyncio.sleep(0.5)
        return secret


@dataclass(frozen=True)
class Door:
    """The door and who comes to it. ``real`` names what the owner has, by the parameters of paths; ``never`` is called
    likewise, and is not there."""

    http: httpx.AsyncClient
    land: Land
    bearers: Bearers
    real: dict[str, str]
    never: dict[str, str]

    async def ask(
        self, operation: str, token: str | None, names: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The answer to a request of this operation about what ``names`` says."""
        method, path = OPERATIONS[operation]
        route: Route = ROUTES[operation]
        more = dict(route.headers) | (headers or {})
        if token is not None:
            more["authorization"] = f"Bearer {token}"
        content: bytes | None = None
        if route.body is not None:
            content = filled(route.body, names)
            patches = "merge-patch" in str(DOCUMENT["paths"][path][method.lower()].get("requestBody", ""))
            more["content-type"] = "application/merge-patch+json" if patches else "application/json"
        elif operation in ("put_upload", "append_to_upload"):
            content = b"x"
        query = {name: value.format(**names) for name, value in route.query.items()}
        url = path.format(**names)
        if operation in STREAMS:
            async with self.http.stream(method, url, params=query, headers=more) as answer:
                content = b"" if answer.is_success else await answer.aread()
                return httpx.Response(answer.status_code, headers=answer.headers, content=content)
        return await self.http.request(method, url, params=query, headers=more, content=content)


def filled(body: Any, names: dict[str, str]) -> bytes:
    """A body about what ``names`` says."""
    text = json.dumps(body)
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text.encode()


def without(text: str, names: dict[str, str]) -> str:
    """An answer without the names in the question."""
    for name, value in sorted(names.items(), key=lambda item: -len(item[1])):
        if len(value) > 3:
            text = text.replace(value, f"<{name}>")
    return text


@asynccontextmanager
async def opened(land: Land, door: Gateway) -> AsyncIterator[Door]:
    """The door, with everything made that the owner has."""
    await land.do(ACTOR, SetPodTenants, pod=POD, tenants=(OWNER,))
    bearers = Bearers(land)
    owner = await bearers.token(OWNER)
    thing = land.things["private"]
    async with httpx.AsyncClient(base_url=door.url, timeout=30, trust_env=False) as http:
        found = Door(http, land, bearers, {}, {})
        found.real.update(await _belongings(found, owner, thing))
        found.never.update(_nothing(found.real))
        yield found


async def _belongings(door: Door, owner: str, thing: Thing) -> dict[str, str]:
    names = {
        **PARAMETERS, "image": thing.image, "gallery": thing.gallery, "job": thing.job, "share": thing.image,
        "pod": POD, "tenant": OWNER, "account": f"{MARK}account", "user": f"{MARK}ada", "retention": f"{MARK}old",
        "flavour": f"{MARK}thin", "namespace": f"{MARK}acme", "certificate": f"{MARK}vendor",
        "policy": f"{MARK}policy", "assignment": f"{MARK}desks",
    }  # fmt: skip

    async def make(method: str, path: str, body: Any, **more: str) -> Any:
        headers = {"authorization": f"Bearer {owner}", **more}
        answer = await door.http.request(method, path, json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        return answer

    await make("PUT", f"/v1/retentions/{names['retention']}", ROUTES["set_retention"].body)
    await make("PUT", f"/v1/flavours/{names['flavour']}", ROUTES["set_flavour"].body)
    await make("PUT", f"/v1/namespaces/{names['namespace']}", {"properties": {"tier": {"type": "integer"}}})
    await make("PUT", f"/v1/certificates/{names['certificate']}", {"pem": Signer().pem})
    await make("PUT", f"/v1/policies/{names['policy']}", ROUTES["set_policy"].body)
    hook = await make("POST", "/v1/webhooks", {"url": "https://93.184.216.34/zqhook", "events": ["share.*"]})
    token = await make("POST", "/v1/tokens", {"description": f"{MARK}token"})
    desks = {"name": names["assignment"], "image": thing.image, "pods": ["pod-1"], "number": PARAMETERS["version"]}
    await make("POST", "/v1/assignments", desks | {"customisation": {"host_name": f"{MARK}desk-{{n}}"}})
    upload = await make(
        "POST", "/v1/uploads", {"pod": "pod-1", "name": f"{MARK}file.raw"}, **{"upload-length": "65536"}
    )
    names |= {"webhook": hook.json()["id"], "token": token.json()["id"]}
    return names | {"upload": upload.headers["location"].rpartition("/")[2]}


def _nothing(real: dict[str, str]) -> dict[str, str]:
    """Names of the same forms, of nothing."""
    found = {name: value if name in PARAMETERS else _like(name, value) for name, value in real.items()}
    forged = real["upload"][:-6] + ("AAAAAA" if real["upload"][-6:] != "AAAAAA" else "BBBBBB")  # it is a signed claim
    return found | {"share": found["image"], "upload": forged}


def _like(name: str, value: str) -> str:
    id = _id.search(value)
    return f"never-{name}" if id is None else value.replace(id[0], new_id())
