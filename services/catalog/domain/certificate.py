"""A tenant's certificates, and what is held against a signature by one (features.md B14)."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from contracts.errors import Failure, Problem
from contracts.manifest import Manifest
from contracts.preparation import Certificate, KeyType, Signature

Holds = Callable[[str, str, str], bool]
"""Whether a signature (base64) is over a SHA-256 (hex), by the key of a certificate (PEM, the first argument)."""


class KeptCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as it is kept, with its validity and the kind of its key."""

    certificate: Certificate
    key_type: KeyType
    not_before: datetime
    not_after: datetime


def objection_to_set(
    wanted: KeptCertificate, before: KeptCertificate | None, at: datetime, *, there: int, most: int
) -> Problem | None:
    """Why the tenant cannot have the certificate; ``there`` counts its own, of which ``most`` are allowed. One that is
    not valid yet may be given before it is needed."""
    name = wanted.certificate.name
    if wanted.not_after <= at:
        return invalid(name, f"it expired at {wanted.not_after.isoformat()}", "Give one that is valid.")
    if before is None and there >= most:
        return Problem(
            code="limit_exceeded",
            detail=f"there are {there} certificates already",
            hint="Replace or delete one of them.",
            data={"limit": most, "use": there},
        )
    return None


def objection_to_signature(signature: Signature, kept: KeptCertificate | None, at: datetime) -> Problem | None:
    """Why an import with this signature cannot begin: it could never be found good."""
    name = signature.certificate
    if kept is None:
        return not_found(name)
    if not kept.not_before <= at < kept.not_after:
        return invalid(
            name,
            f"it is valid from {kept.not_before.isoformat()} to {kept.not_after.isoformat()}",
            "Sign with a key whose certificate is valid now.",
        )
    if kept.key_type != signature.key_type:
        return invalid(name, f"its key is {kept.key_type}, not {signature.key_type}", "Name the type that its key has.")
    return None


def failure_of(
    signature: Signature, kept: KeptCertificate | None, manifest: Manifest, at: datetime, holds: Holds
) -> Failure | None:
    """Why a version with this content must not be, as the certificate is now; None when the signature is good."""
    if kept is None:
        return _bad(f"certificate {signature.certificate} was taken away", "Give it again, then import again.")
    problem = objection_to_signature(signature, kept, at)
    if problem is not None:
        return _bad(problem.detail, "Give a certificate that is valid, then import again.")
    if len(manifest.disks) != 1:
        return _bad(
            f"it is over one disk, and the version has {len(manifest.disks)}",
            "Import the OS disk alone, or without a signature.",
        )
    if holds(kept.certificate.pem, signature.value, manifest.disks[0].sha256):
        return None
    return _bad(
        f"it is not that of {signature.certificate} over SHA-256 {manifest.disks[0].sha256}",
        "Look whether the file is the one that was signed (unpacked, if it came compressed) and by this key.",
    )


def not_found(name: str) -> Problem:
    """The refusal when the tenant has no certificate of this name."""
    return Problem(
        code="certificate_not_found",
        detail=f"there is no certificate {name[:80]!r}",
        hint="List the certificates, or give it first.",
        data={"certificate": name[:80]},
    )


def invalid(name: str, why: str, hint: str) -> Problem:
    """The refusal of a certificate that cannot be used."""
    return Problem(
        code="certificate_invalid",
        detail=f"certificate {name}: {why}",
        hint=hint,
        data={"certificate": name},
    )


def _bad(why: str, hint: str) -> Failure:
    return Failure(
        code="image_signature_invalid", step="signature", text=f"the signature does not hold: {why}", hint=hint
    )
