"""Beginning an import: the command that asks for one, and what is refused at once."""

from collections.abc import Iterator

import msgspec

from catalog import certificates, images, quotas, references
from catalog.config import Config
from catalog.documents import COPY, IMAGE, JOB, NUMBER, POD, Claim, number_key
from catalog.domain import admitting, definition, happening, importing, lives, origin, plugins
from catalog.domain import image as image_states
from catalog.domain import job as jobs
from catalog.domain.image import Image
from catalog.domain.life import Life
from catalog.domain.number import normalise
from catalog.domain.pod import enrolled, seen_by
from catalog.domain.version import manifest_of
from catalog.follow import follow
from catalog.galleries import gallery_not_found
from catalog.preparing import ImportOverdue as ImportOverdue
from catalog.preparing import asked_of as asked_of
from catalog.preparing import deadline, watch
from catalog.preparing import overdue_name as overdue_name
from catalog.preparing import reactions as preparing
from catalog.references import ByName, Found
from catalog.settings import CatalogSettings
from contracts.definition import Capsule
from contracts.errors import Problem
from contracts.manifest import Source
from contracts.names import copy_id
from contracts.requests import Accepted, ImportVersion, RegisterImage
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions of the import saga."""
    settings = config.settings

    def on_command(message: Message[ImportVersion], work: Work) -> Accepted | Problem:
        return accept(message.body, work, settings)

    return {
        ImportVersion: Reaction(lambda message, get: refs(message.body, get), on_command),
        **preparing(config),
    }


def refs(command: ImportVersion, get: Get) -> Iterator[Ref]:
    """The documents that `accept` reads."""
    tenant, source = command.actor.tenant, command.source
    yield from references.refs(tenant, command.image, get)
    parent: Image | None = None
    if (made_from := command.origin) is not None:
        yield from references.version_refs(tenant, made_from.image, made_from.number, get)
        if (named := references.named_version(tenant, made_from.image, made_from.number, get)) is not None:
            parent, source = get(IMAGE, named[1].image), origin.source_from(made_from, *named)
            yield COPY(copy_id(named[0], source.pod, 0))
    if source is not None:
        yield POD(source.pod)
    id = references.image_id(tenant, command.image, get)
    reference = references.parse(command.image)
    if id is not None and (image := get(IMAGE, id)) is not None:
        yield from certificates.refs(command.signature, image.tenant)
        yield from quotas.refs(image.tenant, image.gallery)
        if (number := _number(command, image)) is not None:
            yield NUMBER(number_key(id, number))
    elif command.create and isinstance(reference, ByName):
        if (place := references.home(tenant, reference.gallery, get)) is not None:
            yield from certificates.refs(command.signature, place[0])
        register = admitting.registration(command, reference.gallery, reference.name, parent)
        yield from images.register_refs(register, get)


def _number(command: ImportVersion, image: Image) -> str | None:
    return image_states.next_number(image) if command.number is None else normalise(command.number)


def accept(command: ImportVersion, work: Work, settings: CatalogSettings) -> Accepted | Problem:
    """Start an import, or refuse it and change nothing."""
    problem = admitting.objection_to(command, work.message.at) or plugins.objection(_plugins(command, settings))
    if problem is not None:
        return problem
    parent = _origin(command, work)
    if isinstance(parent, Problem):
        return parent
    source = command.source
    if parent is not None and command.origin is not None:
        source = origin.source_from(command.origin, parent.id, parent.version)
    if source is None:
        raise TypeError("an import has a source or an origin")
    problem = admitting.objection_to_pod(source.pod, known=enrolled(seen_by(work.get(POD, source.pod), command.actor)))
    if problem is not None:
        return problem
    found = references.find_to_write(work, command.actor, command.image)
    if not isinstance(found, Problem):
        problem = (
            admitting.objection_to_image(command, found[1])
            or _objection(command, found[1], parent)
            or certificates.objection(command.signature, found[1].tenant, work)
        )
        return problem or _into(command, found, source, parent, work, settings)
    reference = references.parse(command.image)
    if found.code != "image_not_found" or not command.create or not isinstance(reference, ByName):
        return found
    register = admitting.registration(
        command, reference.gallery, reference.name, None if parent is None else parent.image
    )
    place = references.home(command.actor.tenant, reference.gallery, work.get)
    if place is None:
        return gallery_not_found(reference.gallery)
    problem = _objection(command, register, parent) or certificates.objection(command.signature, place[0], work)
    if problem is not None:
        return problem
    work.saga = job = work.new_id()
    made = images.register(work, settings, register, versions=1)
    return made if isinstance(made, Problem) else _begin(command, made, source, parent, work, settings, job)


def _origin(command: ImportVersion, work: Work) -> Found | Problem | None:
    """The version that the new one is made from, None when it is made from something else."""
    if (asked := command.origin) is None:
        return None
    found = references.find_version(work, command.actor, asked.image, asked.number)
    if isinstance(found, Problem):
        return found
    copy = work.get(COPY, copy_id(found.id, origin.source_from(asked, found.id, found.version).pod, 0))
    held = copy is not None and copy.state == "AVAILABLE"
    problem = origin.objection_to_origin(asked, found.image, found.version, held=held)
    return (
        problem
        or lives.objection_to_use(found.image, found.version, work.message.at)
        or lives.objection_to_data(found.version, operator=command.actor.operator)
        or found
    )


def _objection(command: ImportVersion, image: Image | RegisterImage, parent: Found | None) -> Problem | None:
    """Why the source cannot become a version of this image, as far as the hub knows."""
    manifest = None if parent is None else manifest_of(parent.version)
    return (
        definition.objection_to_capsule(image, _capsule(command, parent))
        or (None if parent is None else admitting.objection_to_likeness(image, parent.image))
        or admitting.objection_to_file_type(command, definition.file_types(image), manifest)
    )


def _into(
    command: ImportVersion,
    found: tuple[str, Image],
    source: Source,
    parent: Found | None,
    work: Work,
    settings: CatalogSettings,
) -> Accepted | Problem:
    """Start an import into an image that exists, or refuse it."""
    id, image = found
    number = _number(command, image)
    taken = number is not None and work.get(NUMBER, number_key(id, number)) is not None
    problem = admitting.objection_to_number(number, taken=taken) or quotas.objection(
        work, settings, image.tenant, image.gallery, versions=1
    )
    if problem is not None:
        return problem
    work.saga = job = work.new_id()
    quotas.take(work, image.tenant, image.gallery, versions=1)
    return _begin(command, found, source, parent, work, settings, job)


def _begin(
    command: ImportVersion,
    found: tuple[str, Image],
    source: Source,
    parent: Found | None,
    work: Work,
    settings: CatalogSettings,
    job: str,
) -> Accepted:
    """The import is accepted: there is a version, a job, and a word to the pod."""
    at, (id, image) = work.message.at, found
    number, version_id = _number(command, image), work.new_id()
    if number is None:
        raise TypeError("an import that is accepted has a number")
    asked = importing.asking(
        command,
        source,
        image=id,
        version=version_id,
        number=number,
        tenant=image.tenant,
        deadline=deadline(at, settings),
        room=quotas.room(work, settings, image.tenant, image.gallery),
        expects=definition.expected(image, number),
        plugins=_plugins(command, settings),
    )
    requested = importing.begin(asked, number)
    work.emit(requested)
    work.put(IMAGE, id, image_states.evolve(image, requested))
    work.put(NUMBER, number_key(id, number), Claim(id=version_id))
    work.put(
        JOB,
        job,
        jobs.Pending(
            kind="import",
            tenant=command.actor.tenant,
            actor=command.actor.name,
            image=id,
            gallery=image.gallery,
            name=image.name,
            version=version_id,
            number=number,
            asked=msgspec.json.encode(command).decode(),
            created=at,
            updated=at,
        ),
    )
    version = msgspec.structs.replace(
        happening.requested(requested, at, job),
        description=command.description,
        release_notes=command.release_notes,
        excluded=command.exclude_from_latest,
        life=Life(end_of_life=command.end_of_life),
        parent="" if parent is None else parent.id,
        capsule=_capsule(command, parent),
        uefi=command.uefi or (None if parent is None else parent.version.uefi),
        signature=command.signature,
        plugins=asked.plugins,
        warnings=origin.warnings(command, image.os_state),
    )
    follow(work, version_id, version, [asked])
    watch(work, version_id, at, settings)
    return Accepted(job=job, image=id, version=version_id, number=number)


def _plugins(command: ImportVersion, settings: CatalogSettings) -> tuple[str, ...]:
    """The import plug-ins of an import: those that it names, else those of the house."""
    return settings.plugins if command.plugins is None else command.plugins


def _capsule(command: ImportVersion, parent: Found | None) -> Capsule | None:
    """What the version consists of: as the command says, else as its origin."""
    return command.capsule or (None if parent is None else parent.version.capsule)
