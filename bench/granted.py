"""A catalog's database with a million grants: every image offered to a tenant that took it, and to others besides.

Made as `bench.hoard` makes one: a single image goes through the real reactions, with everything that sharing says about
it, and what that left in the database is written again for all the others.
"""

from collections.abc import Iterator
from typing import get_args

from contracts.events import Event, hub
from contracts.principals import Granted
from contracts.requests import Accepted, Actor
from runtime.access import Access, evolve
from runtime.ids import new_id

OWNER = "default"
"""Whose images these are: of the tenant that the hoard is made for."""
READER = Actor(
    tenant="member", name="bench", roles=("reader",),
    principals=("member", "account:partners", "org:corp", "org:corp/eu", "user:member/bench"),
)  # fmt: skip
"""Who asks: somebody of a tenant that accepted every image; its account and its organisation were offered them too."""
STRANGER = Actor(tenant="stranger", name="bench", roles=("owner",), principals=("stranger", "account:others"))
OFFERED = ("member", "account:partners", "org:corp/eu", "other-1", "other-2", "account:guests", "org:elsewhere")
ON_IMAGE = ("group:other-1/devs",)
ON_VERSION = ("service:other-1/ci", "user:other-2/jo")
GRANTS = len(OFFERED) + len(ON_IMAGE) + len(ON_VERSION)
"""Grants on each image."""
MOST_MEMBERS, MOST_GRANTS = 128, 256
"""How many an image may have (the settings of the sharing service)."""


def said(made: Accepted) -> Iterator[Event]:
    """What sharing says about the image that was made."""
    image = made.image
    for revision, member in enumerate(OFFERED, 1):
        yield hub.ShareOffered(image=image, member=member, owner=OWNER, revision=revision)
    yield hub.ShareAccepted(image=image, member=READER.tenant, owner=OWNER, revision=len(OFFERED) + 1)
    for principal in ON_IMAGE:
        yield hub.RolesGranted(
            scope="image", target=image, tenant=OWNER, principal=principal, roles=("reader",), revision=1
        )
    for principal in ON_VERSION:
        yield hub.RolesGranted(
            scope="version", target=made.version, tenant=OWNER, image=image, principal=principal, roles=("publisher",),
            revision=1,
        )  # fmt: skip


def widest() -> Access:
    """The document about an image that is shared with as many as may be: the last of them is the reader's tenant."""
    tenants = (*(f"tenant-{n}" for n in range(1, MOST_MEMBERS)), READER.tenant)
    roles = get_args(Granted)
    found, image = Access(), new_id()
    for n, member in enumerate(tenants):
        offered = hub.ShareOffered(image=image, member=member, owner=OWNER, revision=2 * n + 1)
        accepted = hub.ShareAccepted(image=image, member=member, owner=OWNER, revision=2 * n + 2)
        found = evolve(evolve(found, offered), accepted)
    for n in range(MOST_GRANTS):
        granted = hub.RolesGranted(
            scope="image", target=image, tenant=OWNER, principal=f"user:tenant-{n}/jo", roles=(roles[n % len(roles)],),
            revision=1,
        )  # fmt: skip
        found = evolve(found, granted)
    return found
