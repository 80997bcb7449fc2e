"""The public keys of an issuer of tokens: fetched from where it says, kept, and fetched again when they change."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

FRESH = 300.0
"""Seconds after which keys are fetched again: an issuer that gave one up is not trusted with it for ever."""
PAUSE = 10.0
"""Seconds between two fetches at the least, whatever tokens name."""
PATIENCE = 5.0
"""Seconds that the issuer may be silent."""
SOON = 0.5
"""Seconds for which somebody whose key is known waits for fresh ones: an issuer that hangs does not lock him out."""
LARGEST = 256 * 1024
"""Bytes of the issuer's description, and of its keys."""
MOST = 100
"""Keys that are looked at."""
DISCOVERY = "/.well-known/openid-configuration"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Key = dict[str, Any]
"""A JSON Web Key (RFC 7517)."""

log = structlog.get_logger()


class FetchError(Exception):
    """The issuer does not answer as it should; the message says why."""


class Fetch(Protocol):
    """Gets a JSON document."""

    def __call__(self, url: str) -> bytes:
        """The bytes of the document at ``url``. Raises FetchError."""


class KeySet:
    """The keys of an issuer by their ids. ``url`` empty: its description (OpenID discovery) says where they are."""

    def __init__(
        self, issuer: str, url: str, fetch: "Fetch | None" = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._url = url
        self._fetch = fetch or fetched
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._loaded = False
        self._came = self._tried = float("-inf")
        self._one = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None

    async def key(self, id: str | None) -> Key | None:
        """The key of this id, or the only one where a token names none; None where there is no such.

        Raises:
            FetchError: the issuer was never reached.
        """
        if self._find(id) is None:
            await self._refresh(id)
        elif self._clock() - self._came >= FRESH:
            if self._renewing is None or self._renewing.done():
                self._renewing = asyncio.create_task(self._refresh(id), name="issuer-keys")
            await asyncio.wait({self._renewing}, timeout=SOON)
        if not self._loaded:
            raise FetchError("its keys were never fetched")
        return self._find(id)

    def _find(self, id: str | None) -> Key | None:
        if id is not None:
            return self._keys.get(id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    async def _refresh(self, id: str | None) -> None:
        """Fetch the keys, unless that was done or tried just now; without an answer those of before stay."""
        async with self._one:
            now = self._clock()
            if now - self._tried < PAUSE or (self._find(id) is not None and now - self._came < FRESH):
                return
            self._tried = now
            try:
                async with asyncio.timeout(2 * PATIENCE):
                    self._keys = usable(await asyncio.to_thread(self._load))
            except (FetchError, TimeoutError) as error:
                log.warning("issuer_keys_not_fetched", issuer=self._issuer, why=str(error) or "it takes too long")
                return
            self._loaded, self._came = True, now
            log.info("issuer_keys_fetched", issuer=self._issuer, keys=len(self._keys))

    def _load(self) -> list[Any]:
        url = self._url
        if not url:
            said = _object(self._fetch(self._issuer.rstrip("/") + DISCOVERY))
            if said.get("issuer") != self._issuer:
                raise FetchError("its description is another issuer's")
            url = said.get("jwks_uri", "")
        keys = _object(self._fetch(url if isinstance(url, str) else "")).get("keys")
        if not isinstance(keys, list):
            raise FetchError("its keys are no JSON Web Key Set")
        return keys


def usable(found: list[Any]) -> dict[str, Key]:
    """The keys that can verify a signature, by id. Symmetric ones are secrets, and no issuer publishes a secret."""
    keys: dict[str, Key] = {}
    for key in found[:MOST]:
        if not isinstance(key, dict) or key.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        operations = key.get("key_ops", ["verify"])
        if key.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations:
            keys[str(key.get("kid", ""))] = key
    return keys


def acceptable(url: str) -> bool:
    """Whether keys may be fetched from there: over HTTPS, or from this machine."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        )
    except ValueError:
        return False


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the settings say whom we trust."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def fetched(url: str) -> bytes:
    """The document at ``url``, without a proxy of the environment and without redirects. Raises FetchError."""
    if not acceptable(url):
        raise FetchError("keys come over https only")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - see `acceptable`
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            data: bytes = answer.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # URLError and HTTPError are OSErrors, InvalidURL a ValueError
        raise FetchError(f"{urlsplit(url).netloc}: {error}") from None
    if len(data) > LARGEST:
        raise FetchError("the document is too large")
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise FetchError("the document is no JSON") from None
    if not isinstance(found, dict):
        raise FetchError("the document is no JSON object")
    return found
