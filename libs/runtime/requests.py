"""Commands and queries over core NATS: the client side, and the FastStream broker that answers them."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from contracts import requests as contract
from contracts import rights
from contracts.errors import Problem
from contracts.requests import REPLIES, Command, Request
from contracts.views import DeadLetterView
from runtime.connection import Refusals, connect, options
from runtime.health import Health
from runtime.processor import Processor
from runtime.settings import Settings
from runtime.store import Reader, from_epoch
from runtime.work import Message

if TYPE_CHECKING:
    from faststream.nats import NatsBroker

Query: TypeAlias = Callable[[Any, Reader], Awaitable[msgspec.Struct]]
"""Answers a query from committed state: a reply of `REPLIES`, or a `Problem`."""

CONCURRENT = 64
LARGEST_REPLY = 1024 * 1024
"""Bytes of a NATS message (the server's ``max_payload``). The client gives up a larger one without a word."""
AWAY = 2.0
"""Seconds for which a request is repeated while nobody answers: a service that restarts is back by then."""

log = structlog.get_logger()


class Requests:
    """The asking side."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._decoders: dict[type[Request], msgspec.json.Decoder[Any]] = {
            request: msgspec.json.Decoder(Union[reply, Problem])  # noqa: UP007 - built at run time
            for request, reply in REPLIES.items()
        }

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings, name: str) -> "AsyncIterator[Requests]":
        """A connection of its own."""
        async with connect(settings, name) as client:
            yield cls(client)

    async def ask(self, request: Request, *, service: str | None = None, timeout: float = 10.0) -> Any:
        """The reply to ``request``: the Struct that `REPLIES` names, or a `Problem`.

        A command may be repeated by this method: its id makes that harmless. ``service`` replaces the word *service*
        in the subject of what every service answers. Nobody there is the Problem ``unavailable``, no answer in
        ``timeout`` seconds is ``timeout``.
        """
        subject = request.subject()
        if service is not None:
            subject = subject.replace(".service.", f".{service}.")
        data = msgspec.json.encode(request)
        end = time.monotonic() + timeout
        there, patience, again = time.monotonic() + min(AWAY, timeout), min(AWAY, timeout), False
        while True:
            try:
                answer = await self._client.request(subject, data, timeout=patience)
            except NoRespondersError:
                if time.monotonic() < there:
                    await asyncio.sleep(0.1)
                    continue
                return Problem(code="unavailable", detail=f"Nobody answers {subject}.", hint="Try again shortly.")
            except (TimeoutError, NatsError):
                left = end - time.monotonic()
                if not again and left > 0:
                    # Whoever had it may have been killed: ask its successor, once, for the rest of the time.
                    there, patience, again = time.monotonic() + min(AWAY, left), left, True
                    continue
                return Problem(
                    code="timeout",
                    detail=f"No answer to {subject} within {timeout:g} s.",
                    hint="Repeat the request with the same Idempotency-Key: it takes effect at most once.",
                )
            return self._decoders[type(request)].decode(answer.data)


class Responder:
    """What a service answers: commands through its processor, queries from its reader."""

    def __init__(
        self, name: str, processor: Processor, reader: Reader, health: Health, queries: Mapping[type[Request], Query]
    ) -> None:
        self._name = name
        self._processor = processor
        self._reader = reader
        self._health = health
        self._queries: dict[type[Request], Query] = {
            **queries,
            contract.ListDeadLetters: self._dead_letters,
            contract.GetHealth: self._get_health,
        }
        commands = [
            request
            for request in REPLIES
            if issubclass(request, Command) and request.subject().startswith(f"command.{name}.")
        ]
        known = (*commands, *self._queries)
        self._decode = msgspec.json.Decoder(Union[known]).decode  # noqa: UP007 - built at run time

    async def answer(self, body: bytes) -> bytes:
        """The reply to a request, as JSON."""
        try:
            request: Any = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return msgspec.json.encode(Problem(code="bad_request", detail=str(error)))
        if (problem := rights.objection(request)) is not None:
            return msgspec.json.encode(problem)
        if isinstance(request, Command):
            reply = await self._command(request)
        else:
            reply = msgspec.json.encode(await self._queries[type(request)](request, self._reader))
        if len(reply) > LARGEST_REPLY:
            raise ValueError(f"the reply to {request.subject()} has {len(reply)} bytes, and no message holds them")
        return reply

    async def _command(self, command: Command) -> bytes:
        message = Message(command.id, "request", datetime.now(UTC), "", command)
        fingerprint = hashlib.sha256(msgspec.json.encode(command)).digest()
        reply = await self._processor.ask(message, fingerprint=fingerprint)
        if reply is None:
            raise TypeError(f"the handler of {type(command).__name__} gave no reply")
        return reply

    async def _dead_letters(self, request: contract.ListDeadLetters, reader: Reader) -> msgspec.Struct:
        rows = await reader.rows(
            "SELECT id, subject, kind, reason, deliveries, raw, at FROM dead_letters ORDER BY at DESC LIMIT ?",
            (max(1, min(request.limit, 500)),),
        )
        return contract.DeadLetterPage(
            items=tuple(
                DeadLetterView(
                    id=id,
                    subject=subject,
                    kind=kind,
                    reason=reason,
                    deliveries=deliveries,
                    raw=bytes(raw).decode(errors="replace")[:4096],
                    at=from_epoch(at),
                )
                for id, subject, kind, reason, deliveries, raw, at in rows
            )
        )

    async def _get_health(self, _: contract.GetHealth, __: Reader) -> msgspec.Struct:
        reasons = self._health.reasons()
        return contract.HealthView(service=self._name, ready=not reasons, reasons=reasons, at=datetime.now(UTC))


def broker(settings: Settings, name: str, responder: Responder, refusals: Refusals) -> "NatsBroker":
    """A FastStream broker on its own connection, answering ``command.<name>.*`` and ``query.<name>.*``.

    FastStream is imported here, because a connector answers no requests and should not carry it. Dependency injection
    is off: an injected parameter costs a thread hop for each message (control-plane.md 3).
    """
    from faststream import BaseMiddleware
    from faststream.nats import NatsBroker
    from faststream.security import SASLPlaintext

    class Problems(BaseMiddleware):
        """A handler that raises still answers: without a reply the asker would only see a timeout."""

        async def consume_scope(self, call_next: Any, msg: Any) -> Any:
            try:
                return await call_next(msg)
            except Exception as error:
                log.exception("request_failed", error=repr(error))
                return msgspec.json.encode(
                    Problem(code="internal", detail="The service met an error; its log has the details.")
                )

    async def raw(message: Any, _: Any) -> Any:
        return message.body

    connect_options = options(settings, f"{name}-requests", refusals)
    if settings.nats_user:
        login = SASLPlaintext(connect_options.pop("user"), connect_options.pop("password"))
        connect_options["security"] = login
    found = NatsBroker(
        **connect_options,
        graceful_timeout=10.0,
        apply_types=False,
        logger=None,
        decoder=raw,
        middlewares=[Problems],
    )
    for family in ("command", "query"):
        found.subscriber(f"{family}.{name}.*", queue=name, max_workers=CONCURRENT, include_in_schema=False)(
            responder.answer
        )
    return found
