"""What a connector believes: a ticket that the hub signed opens the door, a manifest that it signed may be copied."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog

from connector.failures import refused
from connector.transfer.entry import NotAdmittedError
from contracts.manifest import Manifest
from runtime import vouching
from runtime.signing import BadSignatureError, KeyFileError, PublicKey
from runtime.tickets import Ticket, TicketError, verify
from runtime.upload_tickets import UploadTicket, verify_upload

log = structlog.get_logger()


class _HubKey:
    """The public half of one of the hub's keys, read when it is first needed: it may be made after us."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: PublicKey | None = None

    @property
    def key(self) -> PublicKey:
        """Raises KeyFileError when it is not there."""
        self._found = self._found or PublicKey.open(self._path)
        return self._found


class Tickets(_HubKey):
    """Checks tickets for chunks with the hub's public key."""

    def __call__(self, token: str, now: datetime) -> Ticket:
        """The ticket in ``token``. Raises NotAdmittedError."""
        with _refusing():
            return verify(token, self.key, now)


class UploadTickets(_HubKey):
    """Checks tickets for uploads with the same key."""

    def __call__(self, token: str, now: datetime) -> UploadTicket:
        """The upload ticket in ``token``. Raises NotAdmittedError."""
        with _refusing():
            return verify_upload(token, self.key, now)


class Vouched(_HubKey):
    """Checks that the hub signed the content of a version, with the catalog's public key."""

    def __call__(self, version: str, manifest: Manifest) -> None:
        """Return if no byte of ``manifest`` is anybody's but the hub's.

        Raises:
            Refused: ``signature_invalid`` when the hub did not sign it for this version; to be tried again when that
                cannot be said, because the hub's key is not there.
        """
        try:
            vouching.verify(version, manifest, self.key)
        except KeyFileError as error:
            hint = "Give the connector the catalog's public key (IMPRINT_MANIFEST_KEY_FILE)."
            raise refused("signature_invalid", "signature", str(error), hint=hint, retry=True) from None
        except BadSignatureError:
            log.error("signature_invalid", version=version, digest=manifest.digest)
            raise refused("signature_invalid", "signature") from None


@contextmanager
def _refusing() -> Iterator[None]:
    """What is wrong with a ticket, or with the hub's key, as the door says it."""
    try:
        yield
    except KeyFileError as error:
        log.error("no_ticket_key", error=str(error))
        raise NotAdmittedError(503, "the hub's key is not there") from None
    except TicketError as error:
        raise NotAdmittedError(401, str(error), expired=error.reason == "expired") from None
