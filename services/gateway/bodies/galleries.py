"""Bodies about galleries, quotas, retention policies, flavours, property schemas and certificates."""

from contracts.definition import Flavour, Namespace
from contracts.keeping import Quota, Retention
from contracts.requests import CreateGallery, SetCertificate
from gateway.bodies.strict import COMMAND, taken

NAME = frozenset({"name"})
"""What the path names."""

GalleryToMake = taken(CreateGallery, "GalleryToMake", COMMAND, "A gallery, what it may hold, and what becomes of its "
                      "deleted versions.")  # fmt: skip
QuotaToSet = taken(Quota)
RetentionToSet = taken(Retention, "RetentionToSet", NAME)
FlavourToSet = taken(Flavour, "FlavourToSet", NAME | {"system"}, "Endpoint models that an image may be dedicated to.")
NamespaceToSet = taken(Namespace, "NamespaceToSet", NAME)
CertificateToSet = taken(
    SetCertificate,
    "CertificateToSet",
    COMMAND | NAME,
    "An X.509 certificate as PEM: RSA from 2048 bits, or a key on P-384 or P-521.",
)
