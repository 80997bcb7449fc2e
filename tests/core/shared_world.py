"""A catalog to which sharing says something: the owner acme's image, and what other tenants may do with it."""

from typing import Any

from catalog.documents import GALLERY, IMAGE_NAME, gallery_key, name_key
from contracts.events.hub import (
    GalleryShared,
    PodRelabelled,
    RolesGranted,
    ShareAccepted,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
    TenantSet,
)
from contracts.principals import above
from contracts.requests import Actor
from core.pools_world import Pools

BOB = Actor(
    tenant="beta", name="bob", roles=("owner",), principals=(*above("beta", "bees", "corp/eu"), "user:beta/bob")
)
GIL = Actor(tenant="gamma", name="gil", roles=("owner",))
"""Of a tenant with which nothing is shared."""


class Shared(Pools):
    """`Pools` with the words of the sharing service."""

    def __init__(self, *, pods: int = 3) -> None:
        super().__init__(pods=pods)
        self._revision = 0

    @property
    def revision(self) -> int:
        self._revision += 1
        return self._revision

    def id_of(self, name: str = "base", gallery: str = "default", tenant: str = "acme") -> str:
        claim = self.get(IMAGE_NAME, name_key(tenant, gallery, name))
        assert claim is not None
        return claim.id

    def gallery_id(self, name: str = "default", tenant: str = "acme") -> str:
        gallery = self.get(GALLERY, gallery_key(tenant, name))
        assert gallery is not None
        return gallery.id

    def tell(self, event: Any) -> list[Any]:
        self.pass_time(1)
        said = self.say(event, "sharing", saga="sharing's own")
        return said + self.pass_time(0)

    def offer(self, member: str = "beta", image: str = "base", **given: Any) -> None:
        id = self.id_of(image)
        self.tell(ShareOffered(image=id, member=member, owner="acme", revision=self.revision, **given))

    def accept(self, member: str = "beta", image: str = "base") -> None:
        self.tell(ShareAccepted(image=self.id_of(image), member=member, owner="acme", revision=self.revision))

    def reject(self, member: str = "beta", image: str = "base", *, blocks: bool = False) -> None:
        id = self.id_of(image)
        self.tell(ShareRejected(image=id, member=member, owner="acme", blocks=blocks, revision=self.revision))

    def revoke(self, member: str = "beta", image: str = "base") -> None:
        self.tell(ShareRevoked(image=self.id_of(image), member=member, owner="acme", revision=self.revision))

    def belongs(self, tenant: str, account: str = "", unit: str = "") -> None:
        """A tenant is in an account, and that in a unit."""
        principals = above(tenant, account, unit)
        self.tell(TenantSet(key="k", tenant=tenant, account=account, principals=principals, revision=self.revision))

    def suspend(self, image: str = "base") -> None:
        self.tell(ShareSuspended(image=self.id_of(image), owner="acme", revision=self.revision))

    def resume(self, image: str = "base") -> None:
        self.tell(ShareResumed(image=self.id_of(image), owner="acme", revision=self.revision))

    def share_gallery(self, sharing: Any, *members: str, gallery: str = "default", public_name: str = "") -> None:
        self.tell(
            GalleryShared(
                gallery=self.gallery_id(gallery),
                tenant="acme",
                name=gallery,
                sharing=sharing,
                members=members,
                public_name=public_name,
                revision=self.revision,
            )
        )

    def grant(self, scope: Any, principal: str, *roles: Any, version: str = "", gallery: str = "default") -> None:
        targets = {"gallery": self.gallery_id(gallery), "version": version}
        self.tell(
            RolesGranted(
                scope=scope,
                target=targets.get(scope) or self.id_of(),
                tenant="acme",
                image=self.id_of() if scope == "version" else "",
                name=gallery if scope == "gallery" else "",
                principal=principal,
                roles=roles,
                revision=self.revision,
            )
        )

    def bind_pod(self, pod: str, *tenants: str) -> None:
        """Let only these use the pod."""
        event = PodRelabelled(pod=pod, labels={}, tenants=tenants, revision=100 + self.revision)
        self.say(event, "replicator")
