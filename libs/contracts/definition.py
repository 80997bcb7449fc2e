"""What an image (a definition) says of all its versions: what they are for, what they need, what may be done with them.

Sources: features.md groups G and H, tables d.2 (Azure Compute Gallery), d.3 (Glance) and d.5 (validation rules).
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from contracts.manifest import Digest, Size
from contracts.names import Name, Number, Text

MOST_TAGS = 10
"""Tags of an image, as long as the catalog's settings say nothing else (features.md A11)."""

OsType = Literal["linux", "windows"]
OsState = Literal["generalized", "specialized"]
Generation = Literal["V1", "V2"]
Architecture = Literal["x64", "arm64"]
ImageClass = Literal["standard", "capsule", "custom"]
"""*standard*: the provider's, read-only to tenants, public. *capsule*: a base application with all its dependencies.
*custom*: a tenant's own (features.md G1 to G3)."""
DesktopKind = Literal["VDI", "IDV", "VOI", "TCI"]
SecurityType = Literal[
    "Standard",
    "TrustedLaunch",
    "TrustedLaunchSupported",
    "ConfidentialVM",
    "ConfidentialVMSupported",
    "TrustedLaunchAndConfidentialVmSupported",
]
Deprecation = Literal["ACTIVE", "DEPRECATED", "OBSOLETE"]
"""DEPRECATED: usable with a warning, never `latest`. OBSOLETE: no new use (features.md F4)."""

Part = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]*[A-Za-z0-9_-](?!\n)$", min_length=1, max_length=64)]
LongPart = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]*[A-Za-z0-9_-](?!\n)$", min_length=1, max_length=128)]
Uri = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s<>\"]{1,2000}(?!\n)$", max_length=2048)]
LongText = Annotated[str, msgspec.Meta(max_length=4096)]
Base64 = Annotated[
    str,
    msgspec.Meta(pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?!\n)$", max_length=4096),
]
TagKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*(?!\n)$", min_length=1, max_length=36)]
TagValue = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$", max_length=43)]
Tags = Annotated[dict[TagKey, TagValue], msgspec.Meta(max_length=64)]
PropertyKey = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]*(?!\n)$", min_length=1, max_length=64)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
PropertyValue = Annotated[str, msgspec.Meta(max_length=255)] | Int64 | float | bool
Properties = Annotated[dict[PropertyKey, PropertyValue], msgspec.Meta(max_length=64)]
"""Free properties. What comes before the first dot of a key may name a namespace with a schema (features.md A15)."""
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time that says where it holds: one without an offset cannot be compared with the hub's."""
Gib = Annotated[int, msgspec.Meta(ge=0, le=65536)]
Mib = Annotated[int, msgspec.Meta(ge=0, le=2**26)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """Publisher, offer and SKU: together unique in a gallery (features.md A4)."""

    publisher: LongPart
    offer: Part
    sku: Part


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A recommended range; None is no bound. ``min`` must not be above ``max``."""

    min: Annotated[int, msgspec.Meta(ge=0, le=2**26)] | None = None
    max: Annotated[int, msgspec.Meta(ge=0, le=2**26)] | None = None


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature of the image's VMs (features.md H3, d.2): ``IsHibernateSupported`` and
    ``IsAcceleratedNetworkSupported`` (True, False), ``DiskControllerType`` (SCSI; SCSI, NVMe), ``SecurityType``.
    Versions below ``starts_at_version`` do not have it."""

    name: Literal["IsHibernateSupported", "IsAcceleratedNetworkSupported", "DiskControllerType", "SecurityType"]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    starts_at_version: Number | None = None


class PurchasePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a marketplace image; whoever uses it must name the same (features.md G7)."""

    name: LongPart
    publisher: LongPart
    product: LongPart


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a capsule: the application itself or something it depends on."""

    name: Name
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    sha256: Digest
    size: Size = 0
    depends_on: Names = ()


class Capsule(msgspec.Struct, frozen=True, kw_only=True):
    """What a capsule version consists of and how it is handled (features.md G2). Without ``update``, an update removes
    the old version and installs the new one. ``health_check`` must end with success after each of them."""

    components: Annotated[tuple[Component, ...], msgspec.Meta(min_length=1, max_length=64)]
    install: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    remove: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    update: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None
    health_check: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None


class Uefi(msgspec.Struct, frozen=True, kw_only=True):
    """UEFI keys of a version, in base64: they go with it to the VMs made from it (features.md H7)."""

    signature_templates: Annotated[
        tuple[
            Literal["NoSignatureTemplate", "MicrosoftUefiCertificateAuthorityTemplate", "MicrosoftWindowsTemplate"],
            ...,
        ],
        msgspec.Meta(max_length=3),
    ] = ()
    pk: Base64 | None = None
    kek: Annotated[tuple[Base64, ...], msgspec.Meta(max_length=4)] = ()
    db: Annotated[tuple[Base64, ...], msgspec.Meta(max_length=4)] = ()
    dbx: Annotated[tuple[Base64, ...], msgspec.Meta(max_length=4)] = ()


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What an image says beside what it is. `UPDATABLE` names what may change later (features.md A12).

    ``hypervisors`` are those that it runs on (none: any); with ``gpu_types`` only pods that offer one of them.
    ``require_eula``: whoever uses it must accept the EULA. ``enforce_end_of_life`` forbids new use after
    ``end_of_life``, which otherwise only informs. Sizes in GiB and MiB.
    """

    vcpus: Range = Range()
    memory_mib: Range = Range()
    min_disk_gib: Gib = 0
    min_ram_mib: Mib = 0
    max_ram_mib: Mib | None = None
    disallowed_disk_types: Names = ()
    features: Annotated[tuple[Feature, ...], msgspec.Meta(max_length=16)] = ()
    allow_update_image: bool = False
    """Only with it may ``features`` be changed."""
    hypervisors: Names = ()
    gpu_types: Names = ()
    capabilities: Names = ()
    """What a pod must be able to do, beside what the security type asks for: ``secureboot`` (features.md H6)."""
    purchase_plan: PurchasePlan | None = None
    eula: LongText = ""
    eula_uri: Uri | None = None
    require_eula: bool = False
    privacy_uri: Uri | None = None
    release_notes_uri: Uri | None = None
    project: Annotated[str, msgspec.Meta(max_length=64)] = ""
    properties: Properties = {}
    end_of_life: Moment | None = None
    enforce_end_of_life: bool = False
    hold_until_validated: bool = False
    """A version may be used only when validations of it succeeded and none failed (features.md B17)."""
    block_deletion_before_end_of_life: bool = False
    allow_deletion_of_replicated_locations: bool = True
    hidden: bool = False


UPDATABLE: frozenset[str] = frozenset(
    {
        "description",
        "vcpus",
        "memory_mib",
        "end_of_life",
        "enforce_end_of_life",
        "hold_until_validated",
        "block_deletion_before_end_of_life",
        "allow_deletion_of_replicated_locations",
        "release_notes_uri",
        "project",
        "properties",
        "hidden",
        "allow_update_image",
    }
)
"""Fields of an image that may change at any time; ``features`` may with ``allow_update_image``. Tags have a command."""

VERSION_UPDATABLE: frozenset[str] = frozenset(
    {
        "exclude_from_latest",
        "end_of_life",
        "block_deletion_before_end_of_life",
        "release_notes",
        "description",
        "hidden",
    }
)
"""Fields of a version that may change; its content never does (features.md A1, A12)."""


class Flavour(msgspec.Struct, frozen=True, kw_only=True):
    """A set of endpoint models that a *Dedicated* image is offered to (features.md B6). ``system``: a default, which
    nobody changes."""

    name: Name
    models: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...], msgspec.Meta(max_length=256)
    ]
    description: Text = ""
    system: bool = False


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """The schema of one property of a namespace (features.md A15). ``protected``: only an operator writes it."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    enum: Annotated[tuple[PropertyValue, ...], msgspec.Meta(max_length=64)] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    protected: bool = False
    description: Text = ""


NAMESPACE = r"^[a-z0-9][a-z0-9_-]{0,31}(?!\n)$"
"""A namespace is what stands before the first dot of a property's key."""


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """Schemas of properties (``<namespace>.<property>``) and tags that are predefined: such a tag takes one of the
    values named (any, where none is). ``closed``: a property that is not named there is refused."""

    name: Annotated[str, msgspec.Meta(pattern=NAMESPACE, max_length=32)]
    closed: bool = False
    properties: Annotated[
        dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}(?!\n)$")], Property],
        msgspec.Meta(max_length=64),
    ] = {}
    tags: Annotated[
        dict[TagKey, Annotated[tuple[TagValue, ...], msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=64)
    ] = {}
    description: Text = ""
