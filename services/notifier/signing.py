"""Signatures of what is posted, by the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and body."""

import base64
import binascii
import hashlib
import hmac
from contextlib import suppress
from datetime import datetime

import msgspec

from notifier.domain.delivery import Delivery

PREFIX = "whsec_"


def body(delivery: Delivery) -> bytes:
    """What is posted: the event's id, type and time, and the event itself as ``data``."""
    return msgspec.json.encode(
        {"id": delivery.event, "type": delivery.type_name, "time": delivery.at, "data": delivery.data}
    )


def headers(delivery: Delivery, content: bytes, secret: str, now: datetime) -> dict[str, str]:
    """The specification's headers. ``webhook-id`` is the same at each attempt, the time is that of this one."""
    timestamp = str(int(now.timestamp()))
    signed = f"{delivery.event}.{timestamp}.".encode() + content
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": delivery.event,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    """After ``whsec_`` stands the key in base64; a secret without it is the key itself."""
    if secret.startswith(PREFIX):
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return secret.encode()
