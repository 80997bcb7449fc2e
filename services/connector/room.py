"""Whether what is to be written fits on a datastore."""

from typing import Final

from connector.backends.base import Staging
from connector.failures import refused

RESERVE: Final = 1024 * 1024
"""Bytes that stay free on a datastore for descriptors."""


def check_space(needed: int, staging: Staging) -> None:
    """Raises Refused (``no_space``) when ``needed`` more bytes do not fit."""
    free = staging.free()
    if needed + RESERVE > free:
        raise refused(
            "no_space",
            "space",
            f"{needed} bytes are needed on datastore {staging.datastore} and {free} are free",
            retry=True,
        )
