"""What people see of the catalog's documents."""

from catalog.domain.image import Image
from catalog.domain.job import Job
from catalog.domain.version import Failed, Publishing, Replicating, Version, manifest_of, publication_of
from contracts.views import CopyCounts, ImageView, JobView, VersionView


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
    if publication is None:
        return CopyCounts()
    return publication.counts(over=not isinstance(version, Publishing | Replicating))


def version_view(id: str, version: Version, image: Image) -> VersionView:
    """A version of ``image``."""
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
        failure=version.failure if isinstance(version, Failed) else None,
        job=version.job,
        created=version.created,
        updated=version.updated,
        revision=version.revision,
    )


def job_view(id: str, job: Job, version: Version | None) -> JobView:
    """A job; while ``version`` is still about this job's publish, its counts are those of the version right now."""
    live = version is not None and version.job == id and job.kind == "publish"
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
    )
