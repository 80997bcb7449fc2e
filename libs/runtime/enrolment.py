"""Enrolment tokens: what lets a pod join, under its own name and with its operator's labels, within a time.

Signed by the hub (Ed25519) like a ticket (`runtime.tickets`), for a purpose of its own. The broker's credentials
already say which pod speaks; the token says that somebody meant it to be part of the house.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from contracts.names import PodName
from contracts.terms import Labels
from runtime.signing import PrivateKey, PublicKey
from runtime.tickets import MAX_TOKEN, TicketError, milliseconds, read, until, write

_PURPOSE = b"imprint/enrolment/1\0"


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """``pod`` may join with ``labels`` until ``expires`` (UTC); a pod that was removed, if after that it was
    ``issued``."""

    pod: str
    labels: dict[str, str]
    issued: datetime
    expires: datetime


class _Claims(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How an enrolment is written: whole milliseconds since 1970."""

    pod: PodName
    labels: Labels
    issued: int
    expires: int


class EnrolmentSigner:
    """Makes tokens with the hub's private key, and knows its own."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def token(self, pod: str, labels: Mapping[str, str], issued: datetime, expires: datetime) -> str:
        """The token with which ``pod`` may join between the two times. The same for the same words each time.

        Raises:
            ValueError: a name or label has an unusable shape, or there are too many labels.
        """
        claims = _Claims(pod, dict(sorted(labels.items())), milliseconds(issued), milliseconds(expires))
        try:
            msgspec.convert(msgspec.to_builtins(claims), _Claims)
        except msgspec.ValidationError as error:
            raise ValueError(f"no token can say this: {error}") from None
        token = write(self._key, _PURPOSE, claims)
        if len(token) > MAX_TOKEN:
            raise ValueError(f"{len(labels)} labels are too long for a token")
        return token

    def check(self, token: str, now: datetime) -> Enrolment:
        """The enrolment in ``token``, if this key signed it and ``now`` is before its end. Raises TicketError."""
        return verify(token, self._key.public, now)


def verify(token: str, public_key: PublicKey, now: datetime) -> Enrolment:
    """The enrolment in ``token``, if the hub signed it and ``now`` is before its end.

    Whether the pod that shows it is the one that it names is for the caller to see.

    Raises:
        TicketError: with its reason.
    """
    found = read(token, public_key, _PURPOSE, _Claims)
    expires = until(found.expires, now)
    try:
        issued = datetime.fromtimestamp(found.issued / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise TicketError("malformed") from None
    return Enrolment(pod=found.pod, labels=found.labels, issued=issued, expires=expires)
