"""Who asks: the bearer of a token, as the sharing service or an issuer says. Known again for two seconds.

A local token is looked up by its digest; one of an issuer (`gateway.oidc`) is verified here, and what its bearer is
besides (his account, his organisation) asked for. Whatever is wrong with a token, the answer is one and the same.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from contracts.errors import Problem
from contracts.requests import Actor, Authenticate, Identify, IdentityView
from gateway.guessing import Guessing
from gateway.oidc import Issuer, NoKeysError, TokenError
from runtime.bearer import digest
from runtime.requests import Requests

KEPT = 2.0
"""Seconds for which a bearer is known without being asked for again: so long a revoked token may go on."""
MOST = 4096
"""Bearers that are known at a time."""
AWAY = frozenset({"unavailable", "timeout", "internal"})
"""Codes that say nothing about a token."""
SELF = Actor(tenant="default", name="gateway", kind="service")
"""The gateway, where it asks for itself."""
UNAUTHENTICATED = Problem(
    code="unauthenticated",
    detail="The request names nobody whom this door knows.",
    hint="Send `Authorization: Bearer TOKEN` with a token that is in force (`imprint token create` makes one).",
)

_bearer = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]{1,8192})")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who bears a token; ``until`` is the time of `time.monotonic` up to which that holds. ``ends`` is when the token
    does; None where it has no end."""

    actor: Actor
    until: float
    ends: datetime | None = None


def token_in(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The token of a request; None where there is none, or several."""
    given = [value for name, value in headers if name.lower() == b"authorization"]
    match = _bearer.fullmatch(given[0].strip()) if len(given) == 1 else None
    return None if match is None else match[1].decode()


class Identities:
    """The bearers of tokens. ``address`` is where a request came from."""

    def __init__(
        self,
        requests: Requests,
        guessing: Guessing,
        issuer: Issuer | None = None,
        *,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = requests
        self._guessing = guessing
        self._issuer = issuer
        self._timeout = timeout
        self._clock = clock
        self._known: OrderedDict[str, Bearer] = OrderedDict()
        """Digest of a token -> its bearer. Wrong tokens are not kept: there is no end of them."""
        self._asking: dict[str, asyncio.Task[Bearer | Problem]] = {}

    async def of(self, token: str | None, address: str) -> Actor | Problem:
        """Who bears ``token``.

        The Problem is ``unauthenticated``, ``too_many_attempts`` (``retry_after`` in its data), or that a service does
        not answer.
        """
        if token is None:
            return UNAUTHENTICATED
        name, now = digest(token), self._clock()
        known = self._known.get(name)
        if known is not None and known.until > now:
            return known.actor
        wait = self._guessing.wait(address, now)
        if not wait:
            found = await self._find(name, token)
        else:
            async with self._guessing.turn() as mine:
                found = await self._find(name, token) if mine else UNAUTHENTICATED
        if isinstance(found, Bearer):
            return found.actor
        if found.code in AWAY:
            return found
        now = self._clock()
        self._guessing.wrong(address, now)
        return self._refusal(self._guessing.wait(address, now))

    def ends(self, token: str | None) -> datetime | None:
        """When a token ends whose bearer was just asked for; None where it does not, or is not known any more."""
        known = None if token is None else self._known.get(digest(token))
        return None if known is None else known.ends

    def _refusal(self, wait: int) -> Problem:
        if not wait:
            return UNAUTHENTICATED
        return Problem(
            code="too_many_attempts",
            detail="Too many wrong tokens came from this address.",
            hint="Wait, then show a token that is in force; one that is will be taken at any time.",
            data={"retry_after": wait},
        )

    async def _find(self, name: str, token: str) -> Bearer | Problem:
        """The bearer, asked for once for all who wait for the same."""
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._ask(name, token), name="identity")
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(task)

    async def _ask(self, name: str, token: str) -> Bearer | Problem:
        asked = self._clock()
        question: Authenticate | Identify
        try:
            if self._issuer is not None and self._issuer.made(token):
                question = await self._issuer.question(token, SELF)
            else:
                question = Authenticate(actor=SELF, digest=name)
        except TokenError as error:
            log.debug("token_refused", why=str(error))
            return UNAUTHENTICATED
        except NoKeysError:
            hint = "Try again in a few seconds; a local token is taken meanwhile."
            return Problem(code="unavailable", detail="The issuer's keys cannot be had.", hint=hint)
        view = await self._requests.ask(question, timeout=self._timeout)
        if isinstance(view, Problem):
            return view if view.code in AWAY else UNAUTHENTICATED
        if not isinstance(view, IdentityView):
            raise TypeError(f"{question.subject()} was answered with {type(view).__name__}")
        left = KEPT if view.until is None else min(KEPT, (view.until - datetime.now(UTC)).total_seconds())
        if left <= 0:
            return UNAUTHENTICATED
        bearer = Bearer(_actor(view), asked + left, view.until)
        self._known[name] = bearer
        self._known.move_to_end(name)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return bearer


def _actor(view: IdentityView) -> Actor:
    kind = "service" if view.kind == "service" else "user"
    return Actor(
        tenant=view.tenant,
        name=view.name,
        roles=view.roles,
        kind=kind,  # type: ignore[arg-type]
        principals=view.principals,
        bounded=view.bounded,
    )
