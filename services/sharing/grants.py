"""Reactions to who is granted which roles on a gallery, an image, or a version of an image (features.md E7)."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from contracts.errors import Problem
from contracts.events.hub import RolesGranted
from contracts.names import format_number, parse_number
from contracts.principals import Granted
from contracts.requests import Actor, Done, DropGrant, ListGrants, SetGrant
from contracts.views import GrantView
from runtime import access
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing import held
from sharing.documents import GRANTS, NUMBER, VERSION, number_key
from sharing.domain.gallery import Gallery
from sharing.domain.grants import Grant, Grants
from sharing.domain.image import Image
from sharing.references import find_gallery, find_image, gallery_refs, image_id, image_refs
from sharing.said import say_opened
from sharing.scope import objection_to_scope, scope_refs
from sharing.settings import SharingSettings
from sharing.views import grant_view

Scope = Literal["gallery", "image", "version"]
Asked = SetGrant | DropGrant | ListGrants


class Target(NamedTuple):
    """What roles are granted on: the ``key`` of its grants, its id and name, whose it is, the image of a version."""

    scope: Scope
    key: str
    id: str
    name: str
    tenant: str
    image: str


def reactions(settings: SharingSettings) -> dict[type, Reaction]:
    """The reactions about grants."""

    def set_keys(message: Message[SetGrant], get: Get) -> Iterator[Ref]:
        command = message.body
        yield from refs(command.actor, command, get)
        target = find(get, command.actor, command)
        if isinstance(target, Target):
            yield from scope_refs(settings, [command.principal], [target.tenant], get)

    def on_set(message: Message[SetGrant], work: Work) -> GrantView | Problem:
        return _set(message.body, work, settings)

    return {
        SetGrant: Reaction(set_keys, on_set),
        DropGrant: Reaction(lambda message, get: refs(message.body.actor, message.body, get), _on_drop),
    }


def refs(actor: Actor, asked: Asked, get: Get) -> Iterator[Ref]:
    """The documents that `find` reads, and the grants on what it finds."""
    if asked.gallery is not None:
        yield from gallery_refs(actor.tenant, asked.gallery, get)
    if asked.image is not None:
        yield from image_refs(actor.tenant, asked.image, get)
        number, id = parse_number(asked.number or ""), image_id(actor.tenant, asked.image, get)
        if number is not None and id is not None:
            yield NUMBER(number_key(id, format_number(number)))
            if (claim := get(NUMBER, number_key(id, format_number(number)))) is not None:
                yield VERSION(claim.id)  # for the audit log, which asks whose it is
    target = find(get, actor, asked)
    if isinstance(target, Target):
        yield from target_refs(target)
    if not isinstance(asked, ListGrants):
        yield from held.refs([asked.principal])


def target_refs(target: Target) -> Iterator[Ref]:
    """The grants on something, and the document that rights on it are read from."""
    yield GRANTS(target.key)
    where = access.gallery_key(target.tenant, target.name)
    yield access.ACCESS(where if target.scope == "gallery" else access.image_key(target.image))


def all_refs(key: str, get: Get) -> Iterator[Ref]:
    """The documents that `drop_all` reads besides those of `target_refs`, by the key of a target."""
    yield GRANTS(key)
    grants: Grants | None = get(GRANTS, key)
    if grants is not None:
        yield from held.refs(grants.by)


def find(get: Get, actor: Actor, asked: Asked) -> Target | Problem:
    """What is meant, where the actor may manage it."""
    if (asked.gallery is None) == (asked.image is None) or (asked.gallery is not None and asked.number is not None):
        return Problem(
            code="validation_failed",
            detail="roles are granted on a gallery, on an image, or on a version of an image",
            hint="Name a gallery, or an image and perhaps a version's number.",
            data={"field": "image"},
        )
    if asked.gallery is not None:
        gallery = find_gallery(get, actor, asked.gallery, "manage")
        if isinstance(gallery, Problem):
            return gallery
        return of_gallery(gallery)
    found = find_image(get, actor, asked.image or "", "manage")
    if isinstance(found, Problem):
        return found
    id, image = found
    path = f"{image.gallery}/{image.name}"
    if asked.number is None:
        return of_image(id, image)
    number = parse_number(asked.number)
    if number is None:
        return Problem(
            code="version_number_invalid",
            detail=f"{asked.number[:40]!r} is not a version number",
            hint="Give three integers as in 1.2.0.",
        )
    claim = get(NUMBER, number_key(id, format_number(number)))
    if claim is None:
        return Problem(
            code="version_not_found",
            detail=f"there is no version {format_number(number)!r}",
            hint="List the versions of the image to see what there is.",
        )
    return of_version(claim.id, id, image.owner)._replace(name=f"{path}:{format_number(number)}")


def gallery_target(tenant: str, name: str) -> str:
    """The key of the grants on a gallery."""
    return f"g/{tenant}/{name}"


def _set(command: SetGrant, work: Work, settings: SharingSettings) -> GrantView | Problem:
    target = find(work.get, command.actor, command)
    if isinstance(target, Problem):
        return target
    principal, roles = command.principal, tuple(sorted(set(command.roles)))
    if principal == target.tenant:
        return Problem(
            code="principal_invalid",
            detail="what one's own tenant may do is said by the roles of its users",
            hint="Name a user or a group of the tenant, or somebody else.",
            data={"principal": principal},
        )
    if (problem := objection_to_scope(settings, work, target.tenant, principal)) is not None:
        return problem
    grants = work.get(GRANTS, target.key) or Grants()
    known = grants.by.get(principal)
    if known is None and len(grants.by) >= settings.max_grants:
        return Problem(
            code="grant_limit",
            detail=f"{len(grants.by)} principals have roles there, and at most {settings.max_grants} may",
            hint="Take another grant back, or grant the roles to a group.",
            data={"limit": settings.max_grants},
        )
    if known is None or known.roles != roles or held.ends(work, principal, target.key):
        known = _say(work, target, grants, principal, roles)
    return grant_view(target.scope, target.id, target.name, principal, known)


def _on_drop(message: Message[DropGrant], work: Work) -> Done | Problem:
    command = message.body
    target = find(work.get, command.actor, command)
    if isinstance(target, Problem):
        return target
    grants = work.get(GRANTS, target.key) or Grants()
    if command.principal not in grants.by:
        return Problem(
            code="grant_not_found",
            detail=f"{command.principal[:208]} has no roles there",
            hint="List the grants.",
            data={"principal": command.principal[:208]},
        )
    _say(work, target, grants, command.principal, ())
    return Done()


def of_gallery(gallery: Gallery) -> Target:
    """A gallery as something that roles are granted on."""
    key = gallery_target(gallery.tenant, gallery.name)
    return Target("gallery", key, gallery.id, gallery.name, gallery.tenant, "")


def of_image(id: str, image: Image) -> Target:
    """An image as something that roles are granted on."""
    return Target("image", f"i/{id}", id, f"{image.gallery}/{image.name}", image.owner, id)


def of_version(id: str, image: str, tenant: str) -> Target:
    """A version as something that roles are granted on."""
    return Target("version", f"v/{id}", id, "", tenant, image)


def drop_all(work: Work, target: Target) -> None:
    """Take back all roles on what is gone."""
    for principal in sorted((work.get(GRANTS, target.key) or Grants()).by):
        _say(work, target, work.get(GRANTS, target.key) or Grants(), principal, ())


def drop_one(work: Work, target: Target, principal: str) -> bool:
    """Take back the roles of a principal, whoever gave them; whether it had any."""
    grants = work.get(GRANTS, target.key) or Grants()
    if principal not in grants.by:
        return False
    _say(work, target, grants, principal, ())
    return True


def _say(work: Work, target: Target, grants: Grants, principal: str, roles: tuple[Granted, ...]) -> Grant:
    """Say what a principal may do from now on, and keep it."""
    revision = max(grants.revision, work.floor) + 1
    say_opened(
        work,
        RolesGranted(
            scope=target.scope,
            target=target.id,
            tenant=target.tenant,
            image=target.image,
            name=target.name if target.scope == "gallery" else "",
            principal=principal,
            roles=roles,
            revision=revision,
        ),
    )
    grant = Grant(roles=roles, updated=work.message.at, revision=revision)
    others = {one: known for one, known in grants.by.items() if one != principal}
    held.note_grant(work, principal, target.key, before=principal in grants.by, after=bool(roles))
    work.put(GRANTS, target.key, Grants(by=others | {principal: grant} if roles else others, revision=revision))
    return grant
