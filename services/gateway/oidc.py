"""Tokens of an issuer (OpenID Connect, RFC 9068): who its bearer is, by claims that the issuer signed.

Trusted is one issuer, for one audience, by keys that it publishes and asymmetric signatures alone: a shared secret, or
``none``, would let whoever reads the keys make tokens. PyJWT is imported when the first such token comes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from contracts.names import NAME
from contracts.principals import Granted, Role
from contracts.requests import Actor, Identify
from gateway.keyset import FetchError, Key, KeySet
from runtime.bearer import PREFIX

ALGORITHMS: dict[str, str] = {
    **{f"{family}{bits}": "RSA" for family in ("RS", "PS") for bits in (256, 384, 512)},
    **{f"ES{bits}": "EC" for bits in (256, 384, 512)},
    "EdDSA": "OKP",
}
"""Algorithm -> kind of its keys."""
REQUIRED = ["exp", "iat", "iss", "aud"]
"""Claims that every token has; ``nbf``, which is optional and left out by many, counts where it is there."""
LEEWAY = timedelta(seconds=30)
"""How far the issuer's clock may be off."""
GROUPS = 64

_name = re.compile(NAME)
_roles: frozenset[str] = frozenset(get_args(Role))
_of_tenants: frozenset[str] = frozenset(get_args(Granted))


class TokenError(Exception):
    """A token is not one of the issuer's, or not in force; the message is for the log."""


class NoKeysError(Exception):
    """The issuer's keys cannot be had."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Which claims say what; ``a.b`` is a member of an object."""

    tenant: str = "tenant"
    """Empty: all bearers are of ``of_tenant``."""
    of_tenant: str = ""
    name: str = "sub"
    roles: str = "roles"
    groups: str = "groups"
    service: str = ""
    """A claim that only service accounts have, as ``client_id``; empty: all bearers are users."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The issuer's name of a role -> ours. Under our own names tenants' roles count, never the provider's: an issuer
    may well have operators of something else."""


class Issuer:
    """The one whose word about bearers counts."""

    def __init__(self, name: str, audience: str, keys: KeySet, claims: Claims) -> None:
        self._name = name
        self._audience = audience
        self._keys = keys
        self._claims = claims

    def made(self, token: str) -> bool:
        """Whether ``token`` looks like one of an issuer: three parts, and none of ours."""
        return token.count(".") == 2 and not token.startswith(PREFIX)

    async def question(self, token: str, asker: Actor) -> Identify:
        """What to ask about the bearer of ``token``, which is verified.

        Raises:
            TokenError: it is wrong in whatever way.
            NoKeysError: it cannot be verified at present.
        """
        said = await self._verified(token)
        return identified(said, self._claims, asker)

    async def _verified(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            head = jwt.get_unverified_header(token)
            algorithm, id = head.get("alg"), head.get("kid")
            if algorithm not in ALGORITHMS or "crit" in head:
                raise TokenError("its algorithm is none of ours")
            if not (id is None or isinstance(id, str)):
                raise TokenError("its key has no name")
            key = await self._keys.key(id)
            if key is None:
                raise TokenError("its key is none of the issuer's")
            found: dict[str, Any] = jwt.decode(
                token,
                _public(key, str(algorithm)),
                algorithms=[str(algorithm)],
                audience=self._audience,
                issuer=self._name,
                leeway=LEEWAY,
                options={"require": REQUIRED, "enforce_minimum_key_length": True},
            )
        except FetchError as error:
            raise NoKeysError(str(error)) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenError(f"{type(error).__name__}: {error}") from None
        return found


def _public(key: Key, algorithm: str) -> Any:
    """The key for an algorithm of its kind, and for that alone which it names, if it does."""
    import jwt

    if key.get("kty") != ALGORITHMS[algorithm] or key.get("alg", algorithm) != algorithm:
        raise TokenError("its key is for another algorithm")
    return jwt.PyJWK({**key, "alg": algorithm})


def identified(said: Mapping[str, Any], claims: Claims, asker: Actor) -> Identify:
    """The question about somebody of whom verified claims say this. Raises TokenError."""
    tenant = claims.of_tenant if not claims.tenant else _claim(said, claims.tenant)
    name = _claim(said, claims.name)
    for what, text in (("tenant", tenant), ("name", name)):
        if not isinstance(text, str) or _name.fullmatch(text) is None:
            raise TokenError(f"its {what} is no name")
    named = _texts(_claim(said, claims.roles))
    roles = _of_tenants.intersection(named) | _roles.intersection(claims.renamed.get(role, "") for role in named)
    groups = [group for group in _texts(_claim(said, claims.groups)) if _name.fullmatch(group)]
    service = bool(claims.service) and _claim(said, claims.service) is not None
    try:
        until = datetime.fromtimestamp(said["exp"], UTC) + LEEWAY
    except (ValueError, OverflowError, OSError, TypeError):
        raise TokenError("it never ends") from None
    return Identify(
        actor=asker,
        tenant=tenant,
        name=name,
        kind="service" if service else "user",
        roles=msgspec.convert(sorted(roles), tuple[Role, ...]),
        groups=tuple(dict.fromkeys(groups))[:GROUPS],
        until=until,
    )


def _claim(said: Mapping[str, Any], path: str) -> Any:
    """The value of a claim: by its whole name (which may be a URL), else member by member."""
    if path in said:
        return said[path]
    found: Any = said
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _texts(value: Any) -> list[str]:
    """A list of texts, or one text with spaces between them (as ``scope``)."""
    if isinstance(value, str):
        return value.split()
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
