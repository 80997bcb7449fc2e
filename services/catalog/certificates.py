"""Reactions to the commands about certificates, and the check of what was signed by them (features.md B14)."""

from collections.abc import Iterator

import msgspec

from catalog.config import Config
from catalog.documents import CERTIFICATE, DEFINED, certificate_key
from catalog.domain import certificate
from catalog.domain.certificate import KeptCertificate
from catalog.domain.schema import NOTHING, listed
from catalog.domain.version import Version
from catalog.views import certificate_view
from contracts.errors import Failure, Problem
from contracts.manifest import Manifest
from contracts.preparation import Certificate, KeyType, Signature
from contracts.requests import Done, DropCertificate, SetCertificate
from contracts.views import CertificateView
from runtime.certificates import CertificateError, Facts, holds, read
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about certificates."""
    most = config.settings.most_certificates

    def on_set(message: Message[SetCertificate], work: Work) -> CertificateView | Problem:
        return _on_set(message, work, most)

    return {SetCertificate: Reaction(_keys, on_set), DropCertificate: Reaction(_keys, _on_drop)}


def refs(signature: Signature | None, tenant: str) -> Iterator[Ref]:
    """The documents that are read for a signature."""
    if signature is not None:
        yield CERTIFICATE(certificate_key(tenant, signature.certificate))


def objection(signature: Signature | None, tenant: str, work: Work) -> Problem | None:
    """Why an import with this signature cannot begin."""
    if signature is None:
        return None
    kept = work.get(CERTIFICATE, certificate_key(tenant, signature.certificate))
    return certificate.objection_to_signature(signature, kept, work.message.at)


def failure_of(version: Version, manifest: Manifest, work: Work) -> Failure | None:
    """Why a version must not have this content: it was to be signed, and is not as it should be."""
    if (signature := version.signature) is None:
        return None
    kept = work.get(CERTIFICATE, certificate_key(version.tenant, signature.certificate))
    return certificate.failure_of(signature, kept, manifest, work.message.at, _holds)


def _holds(pem: str, signature: str, sha256: str) -> bool:
    try:
        return holds(pem, signature, sha256)
    except CertificateError:  # it was read when it was given; a library that reads it no more cannot vouch for it
        return False


def _keys(message: Message[SetCertificate] | Message[DropCertificate], _: Get) -> Iterator[Ref]:
    command = message.body
    yield CERTIFICATE(certificate_key(command.actor.tenant, command.name))
    yield DEFINED(command.actor.tenant)


def _on_set(message: Message[SetCertificate], work: Work, most: int) -> CertificateView | Problem:
    command, tenant = message.body, message.body.actor.tenant
    try:
        wanted = _kept(command.name, read(command.pem))
    except CertificateError as error:
        return certificate.invalid(
            command.name,
            str(error),
            "Give one X.509 certificate in PEM, whose key is RSA (2048 bits at least), P-384 or P-521.",
        )
    defined, key = work.get(DEFINED, tenant) or NOTHING, certificate_key(tenant, command.name)
    before = work.get(CERTIFICATE, key)
    there = len(defined.certificates)
    problem = certificate.objection_to_set(wanted, before, message.at, there=there, most=most)
    if problem is not None:
        return problem
    if before is None:
        names = listed(defined.certificates, command.name, there=True)
        work.put(DEFINED, tenant, msgspec.structs.replace(defined, certificates=names))
    if before != wanted:
        work.put(CERTIFICATE, key, wanted)
    return certificate_view(wanted)


def _kept(name: str, facts: Facts) -> KeptCertificate:
    return KeptCertificate(
        certificate=Certificate(
            name=name,
            pem=facts.pem,
            subject=facts.subject,
            fingerprint=facts.fingerprint,
            not_before=facts.not_before,
            not_after=facts.not_after,
        ),
        key_type=msgspec.convert(facts.key_type, KeyType),
        not_before=facts.not_before,
        not_after=facts.not_after,
    )


def _on_drop(message: Message[DropCertificate], work: Work) -> Done | Problem:
    tenant, name = message.body.actor.tenant, message.body.name
    key = certificate_key(tenant, name)
    if work.get(CERTIFICATE, key) is None:
        return certificate.not_found(name)
    work.put(CERTIFICATE, key, None)
    defined = work.get(DEFINED, tenant) or NOTHING
    names = listed(defined.certificates, name, there=False)
    work.put(DEFINED, tenant, msgspec.structs.replace(defined, certificates=names))
    return Done()
