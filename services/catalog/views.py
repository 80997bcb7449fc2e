"""What people see of the catalog's documents."""

from catalog.domain import job as jobs
from catalog.domain.image import Image
from catalog.domain.job import Job
from catalog.domain.version import (
    Available,
    Failed,
    PartiallyAvailable,
    Version,
    failure_of,
    manifest_of,
    publication_of,
)
from contracts.views import CopyCounts, ImageView, JobView, VersionView

SETTLED = (Available, PartiallyAvailable, Failed)
"""The states of a version of which no publish is under way; copies may be all the same."""


def image_view(id: str, image: Image, latest: str | None) -> ImageView:
    """An image; ``latest`` is the number that `latest` resolves to."""
    return ImageView(
        id=id,
        gallery=image.gallery,
        name=image.name,
        tenant=image.tenant,
        state=str(image.__struct_config__.tag),
        os_type=image.os_type,
        os_state=image.os_state,
        generation=image.generation,
        architecture=image.architecture,
        description=image.description,
        latest=latest,
        created=image.created,
        revision=image.revision,
    )


def counts_of(version: Version) -> CopyCounts:
    """How the copies of a version stand."""
    publication = publication_of(version)
    return CopyCounts() if publication is None else publication.counts


def version_view(id: str, version: Version, image: Image) -> VersionView:
    """A version of ``image``."""
    publication = publication_of(version)
    return VersionView(
        id=id,
        image=version.image,
        gallery=image.gallery,
        name=image.name,
        number=version.number,
        tenant=version.tenant,
        state=str(version.__struct_config__.tag),
        source=version.source,
        manifest=manifest_of(version),
        copies=counts_of(version),
        failure=failure_of(version),
        job=version.job,
        created=version.created,
        updated=version.updated,
        revision=version.revision,
        exclude_from_latest=publication is not None and publication.excluded,
        mode="full" if publication is None else publication.mode,
        converging=isinstance(version, SETTLED) and publication is not None and publication.converging,
    )


def job_view(id: str, job: Job, version: Version | None) -> JobView:
    """A job; while ``version`` is still about this job's publish, its counts are those of the version right now."""
    live = version is not None and version.job == id and job.kind == "publish" and not jobs.final(job)
    return JobView(
        id=id,
        kind=job.kind,
        state=str(job.__struct_config__.tag),
        image=job.image,
        gallery=job.gallery,
        name=job.name,
        version=job.version,
        number=job.number,
        actor=job.actor,
        copies=counts_of(version) if live and version is not None else job.copies,
        failure=job.failure,
        created=job.created,
        updated=job.updated,
        estimate=job.estimate,
        warning=job.warning,
    )
