"""The reaction to the command that denies the data of a version to all but operators, or allows it again (F6)."""

from collections.abc import Iterator

import msgspec

from catalog import references
from catalog.documents import IMAGE, MARKERS, USES
from catalog.domain import lives
from catalog.domain.patching import objection_to_revision
from catalog.domain.publishing import not_ready
from catalog.domain.version import manifest_of
from catalog.editions import shown
from catalog.follow import marked
from catalog.references import Found
from contracts.errors import Problem
from contracts.events.hub import VersionDeactivated, VersionReactivated
from contracts.requests import SetDataAccess
from contracts.views import VersionView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions() -> dict[type, Reaction]:
    """The reaction to a change of access."""
    return {SetDataAccess: Reaction(_keys, _on_access)}


def _keys(message: Message[SetDataAccess], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.version_refs(command.actor.tenant, command.image, command.number, get)
    named = references.named_version(command.actor.tenant, command.image, command.number, get)
    if named is not None:
        yield USES(named[0])
        yield MARKERS(named[1].image)


def _on_access(message: Message[SetDataAccess], work: Work) -> VersionView | Problem:
    command = message.body
    found = _found(command, work)
    if isinstance(found, Problem):
        return found
    version = found.version
    problem = objection_to_revision(command.revision, found.known) or lives.objection_to_change(version)
    if problem is not None:
        return problem
    if not command.active and manifest_of(version) is None:
        return not_ready(version, "deactivated", "Wait until it is DEPLOYMENT_DONE, or cancel its import.")
    if version.life.deactivated is not command.active and not work.floor:
        # In an older copy of the database it may be otherwise for those who listen: then it is said all the same.
        return shown(work, found._replace(version=msgspec.structs.replace(version, revision=found.known)))
    kind = VersionReactivated if command.active else VersionDeactivated
    event = kind(
        version=found.id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        revision=version.revision + 1,
    )
    life = msgspec.structs.replace(version.life, deactivated=not command.active)
    after = marked(work, found.id, msgspec.structs.replace(version, life=life), event)
    return shown(work, found._replace(version=after))


def _found(command: SetDataAccess, work: Work) -> Found | Problem:
    """The version, as its owner may change it; an operator names that of another tenant by the image's id."""
    actor = command.actor
    if actor.operator and references.is_id(command.image) and (image := work.get(IMAGE, command.image)) is not None:
        actor = msgspec.structs.replace(actor, tenant=image.tenant)
    return references.find_version_to_write(work, actor, command.image, command.number)
