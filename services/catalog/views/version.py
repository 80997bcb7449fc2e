"""A version as people see it."""

from datetime import datetime

from catalog.domain import lives
from catalog.domain.image import Image
from catalog.domain.version import (
    Available,
    Failed,
    PartiallyAvailable,
    Version,
    failure_of,
    manifest_of,
    publication_of,
)
from contracts.views import CopyCounts, Placed, VersionView

SETTLED = (Available, PartiallyAvailable, Failed)
"""The states of a version of which no publish is under way; copies may be all the same."""


def counts_of(version: Version) -> CopyCounts:
    """How the copies of a version stand."""
    publication = publication_of(version)
    return CopyCounts() if publication is None else publication.counts


def publish_state(version: Version) -> str:
    """What there is of a version, whatever goes on with it: told by its copies alone."""
    if manifest_of(version) is None:
        return "NOT_READY"
    counts = counts_of(version)
    if not counts.available:
        return "UNPUBLISHED"
    return "PUBLISHED" if counts.available >= counts.wanted - counts.skipped else "PARTIALLY_PUBLISHED"


def version_view(
    id: str,
    version: Version,
    image: Image,
    *,
    markers: tuple[str, ...] = (),
    used_by: int = 0,
    where: tuple[Placed, ...] = (),
    at: datetime | None = None,
) -> VersionView:
    """A version of ``image`` as it is ``at`` some time; without it what only the time tells is not among the warnings.

    ``markers`` name it, ``used_by`` assignments use or want it, ``where`` are its copies.
    """
    publication = publication_of(version)
    manifest = manifest_of(version)
    disks = () if manifest is None else manifest.disks
    life, removal = version.life, version.life.removal
    return VersionView(
        id=id,
        image=version.image,
        gallery=image.gallery,
        name=image.name,
        number=version.number,
        tenant=version.tenant,
        state=lives.state_of(version, image),
        source=version.source,
        manifest=manifest,
        copies=counts_of(version),
        failure=failure_of(version),
        job=version.job,
        created=version.created,
        updated=version.updated,
        revision=version.revision,
        exclude_from_latest=lives.excluded(version),
        mode="full" if publication is None else publication.mode,
        converging=isinstance(version, SETTLED) and publication is not None and publication.converging,
        description=version.description,
        release_notes=version.release_notes,
        hidden=life.hidden,
        protected=life.protected,
        protected_until=life.protected_until,
        deactivated=life.deactivated,
        deprecation=life.deprecation,
        replacement=life.replacement,
        end_of_life=lives.end_of_life(image, version),
        block_deletion_before_end_of_life=lives.blocks_deletion(image, version),
        deleted=None if removal is None else removal.at,
        grace=None if removal is None else removal.grace,
        purge=None if removal is None else removal.purge,
        markers=markers,
        parent=version.parent,
        validations=version.validations,
        capsule=version.capsule,
        uefi=version.uefi,
        signature=version.signature,
        size=0 if manifest is None else manifest.size,
        virtual_size=sum(disk.virtual_size for disk in disks),
        digest="" if manifest is None else manifest.digest,
        where=where,
        used_by=used_by,
        warnings=version.warnings + lives.warnings(image, version, version.created if at is None else at),
        publish_state=publish_state(version),
    )
