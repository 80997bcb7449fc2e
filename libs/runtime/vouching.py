"""The hub's word for the content of a version: a signature in its manifest, made by the catalog, checked by connectors.

Whoever could speak in the hub's name on the message bus might name a pod other disks than those of the version that it
asked for; without the catalog's key it cannot make a manifest for them. The signature covers the version's id with the
manifest, so that the content of an older version is none for a newer one.
"""

import base64
import binascii

import msgspec

from contracts.manifest import Manifest
from runtime.signing import BadSignatureError, PrivateKey, PublicKey

_PURPOSE = b"imprint/manifest/1\0"


def vouched(version: str, manifest: Manifest, key: PrivateKey) -> Manifest:
    """The manifest with the signature of ``key``, whatever it had before: the same each time."""
    signature = key.sign(_PURPOSE, _message(version, manifest))
    return msgspec.structs.replace(manifest, signature=base64.urlsafe_b64encode(signature).rstrip(b"=").decode())


def verify(version: str, manifest: Manifest, key: PublicKey) -> None:
    """Return if the hub vouched for ``manifest`` as the content of ``version``.

    Raises:
        BadSignatureError: it did not.
    """
    text = manifest.signature
    try:
        signature = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadSignatureError from None
    key.verify(_PURPOSE, _message(version, manifest), signature)


def _message(version: str, manifest: Manifest) -> bytes:
    return version.encode() + b"\0" + manifest.signed
