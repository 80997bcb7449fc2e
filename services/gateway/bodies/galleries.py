"""Bodies about galleries, quotas, retention policies, flavours and property schemas."""

from contracts.definition import Flavour, Namespace
from contracts.keeping import Quota, Retention
from contracts.requests import CreateGallery
from gateway.bodies.strict import COMMAND, taken

NAME = frozenset({"name"})
"""What the path names."""

GalleryToMake = taken(CreateGallery, "GalleryToMake", COMMAND, "A gallery, what it may hold, and what becomes of its "
                      "deleted versions.")  # fmt: skip
QuotaToSet = taken(Quota)
RetentionToSet = taken(Retention, "RetentionToSet", NAME)
FlavourToSet = taken(Flavour, "FlavourToSet", NAME | {"system"}, "Endpoint models that an image may be dedicated to.")
NamespaceToSet = taken(Namespace, "NamespaceToSet", NAME)
