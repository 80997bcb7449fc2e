"""Where a holder is reached, and what it means when it is not."""

import ssl
from urllib.parse import urlsplit

from connector.transfer.holders import HolderFailed


def address_of(address: str, scheme: str) -> tuple[str, int]:
    """Host and port of ``scheme://host:port``. Raises HolderFailed for anything else."""
    try:
        found = urlsplit(address)
        port = found.port
    except ValueError:
        found, port = urlsplit(""), None
    if found.scheme != scheme or not found.hostname or port is None or found.username or found.path.strip("/"):
        raise HolderFailed("source_refused", f"its address is not one that can be used: {scheme}://host:port is needed")
    return found.hostname, port


def failed(error: OSError) -> HolderFailed:
    """What an error of the connection means: a wrong certificate on either end does not pass, the rest may."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return HolderFailed("source_refused", f"its certificate is not that of the pod: {error.verify_message}")
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return HolderFailed("source_refused", f"it refuses this pod's certificate: {error.reason}")
    reason = error.strerror or str(error) or type(error).__name__
    return HolderFailed("source_unreachable", f"no connection: {reason}", passing=True)
