"""What is done to a source on its way to a version, beside reading it: import plug-ins and the check of a signature.

Sources: features.md B13 and B14, Glance's ``interoperable-image-import`` and ``signature``.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from contracts.definition import Base64
from contracts.names import Name

Plugin = Literal["image_decompression", "inject_image_metadata"]
"""*image_decompression*: a disk file that came as gzip, xz or zstd is unpacked on the pod before it is looked at.
*inject_image_metadata*: the properties of the catalog's settings are written to the image."""
Plugins = Annotated[tuple[Plugin, ...], msgspec.Meta(max_length=8)]
"""In the order in which they run; each is told when it is done."""
AT_POD: frozenset[str] = frozenset({"image_decompression"})
"""Those that the source's pod runs; the catalog runs the others."""
PLUGINS_LATER: frozenset[str] = frozenset({"image_conversion"})
"""Names that are known elsewhere and not there yet: refused as unsupported."""

HashMethod = Literal["SHA-256"]
KeyType = Literal["RSA-PSS", "ECC_SECP384R1", "ECC_SECP521R1"]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's signature over the SHA-256 of the file that becomes the version's only disk (``img_signature…``).

    ``certificate`` names one of the tenant's certificates. RSA-PSS: MGF1 with the same hash, any salt length.
    """

    value: Annotated[Base64, msgspec.Meta(min_length=8)]
    hash_method: HashMethod = "SHA-256"
    key_type: KeyType
    certificate: Name


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's certificate, by which signatures of images are checked. ``fingerprint``: SHA-256 over its DER, hex."""

    name: Name
    pem: Annotated[str, msgspec.Meta(max_length=16_384)]
    subject: str = ""
    fingerprint: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
