"""The token of whoever sets the system up: there are no users yet who could make tokens.

Sharing is given a file with its digest, and no way to change it: who can write the file owns the installation anyway.
"""

import hmac
import re
from datetime import datetime
from pathlib import Path

from runtime.settings import SettingsError
from sharing.domain.directory.identity import ADMIN, ADMINS, HOME
from sharing.domain.directory.person import Person

_digest = re.compile(r"[0-9a-f]{64}")


class Bootstrap:
    """The digest (SHA-256, hex) of the token of the set-up, if there is one."""

    def __init__(self, digest: str = "") -> None:
        self._digest = digest

    @classmethod
    def read(cls, file: str) -> "Bootstrap":
        """From the setting ``bootstrap_token_file``, empty: there is none.

        Raises:
            SettingsError: the file cannot be read, or has something else in it (nothing at all is no token).
        """
        if not file:
            return cls()
        try:
            text = Path(file).read_text("ascii").strip()
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeError) as error:
            raise SettingsError(f"IMPRINT_BOOTSTRAP_TOKEN_FILE cannot be read: {type(error).__name__}") from None
        if text and _digest.fullmatch(text) is None:
            raise SettingsError("IMPRINT_BOOTSTRAP_TOKEN_FILE must have the SHA-256 of a token in 64 hex digits")
        return cls(text)

    def opens(self, digest: str) -> bool:
        """Whether ``digest`` is that of the token."""
        return bool(self._digest) and hmac.compare_digest(self._digest, digest)

    def person(self, tenant: str, name: str, at: datetime) -> Person | None:
        """The local admin where he is meant, as the user that nobody had to make."""
        if self._digest and (tenant, name) == (HOME, ADMIN):
            return Person(roles=ADMINS, updated=at, revision=0)
        return None
