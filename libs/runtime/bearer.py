"""Local API tokens: how a secret looks, and what of it is kept."""

import hashlib
import secrets

PREFIX = "imprint_"
"""How every secret begins, so that scanners of published files find one."""
BYTES = 32
"""Of chance in a secret: it cannot be guessed, and its digest needs neither salt nor many rounds."""


def new_secret() -> str:
    """A secret for a new token; whoever makes it tells it once."""
    return PREFIX + secrets.token_urlsafe(BYTES)


def digest(secret: str) -> str:
    """What is kept and looked up instead of the secret: its SHA-256, 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()
