"""What the services would say about sharing, and about who is who."""

from collections.abc import Callable
from typing import Any

import msgspec

from api import views
from contracts import requests as contract
from contracts.errors import Problem
from contracts.views import (
    AccountView,
    CommunityInfo,
    GallerySharingView,
    GrantView,
    MemberView,
    PairView,
    PersonView,
    SharedOn,
    ShareView,
    SharingStatusView,
    TenantView,
    TokenView,
    UnitView,
)

AT = views.AT
OFFERED = "0" * 31 + "c"
"""An image of another tenant."""
TOKEN_ID = "0" * 31 + "d"

member = MemberView(image=views.IMAGE, member="account:x", state="PENDING", updated=AT, accepted=1, message="Take it.")
share = ShareView(
    image=OFFERED, gallery="gold", name="win", owner="acme", state="PENDING", via="org:corp", offered=AT, updated=AT
)
gallery_sharing = GallerySharingView(
    gallery=views.GALLERY, name="default", tenant="default", sharing="community",
    community=CommunityInfo(publisher_uri="https://x.test", contact="a@x.test", eula="None.", prefix="acme1"),
    public_name=f"acme1-{views.GALLERY}", revision=3,
)  # fmt: skip
grant = GrantView(
    scope="image", target=views.IMAGE, name="default/debian", principal="user:acme/jo", roles=("reader",), updated=AT
)
status = SharingStatusView(
    state="InProgress",
    pods=(SharedOn(pod="pod-1", state="Succeeded", versions=2), SharedOn(pod="pod-2", state="Failed", missing=1)),
)
unit = UnitView(path="corp/europe", description="", accounts=1)
account = AccountView(name="x", unit="corp/europe", tenants=2)
tenant = TenantView(name="acme", account="x", unit="corp/europe", created=AT)
person = PersonView(tenant="default", name="jo", kind="user", roles=("reader",), updated=AT)
token = TokenView(
    id=TOKEN_ID, tenant="default", user="jo", kind="user", roles=("reader",), created=AT, until=AT, description="ci"
)


def _pairs(request: Any) -> contract.PairPage:
    """What becomes of a batch; only one image and one member are known."""
    found = []
    for image in request.images:
        for one in request.members:
            code = "" if image in (views.IMAGE, "default/debian") else "image_not_found"
            found.append(PairView(image=image, member=one, state="" if code else "PENDING", code=code))
    return contract.PairPage(items=tuple(found))


def _if(field: str, known: tuple[str, ...], code: str, reply: Any) -> Callable[[Any], msgspec.Struct]:
    """Answers for what there is; ``field`` is how the request names it."""

    def answer(request: Any) -> msgspec.Struct:
        if getattr(request, field) not in known:
            return Problem(code=code, detail="There is no such thing.")
        found: msgspec.Struct = reply(request) if callable(reply) else reply
        return found

    return answer


def _on(reply: msgspec.Struct) -> Callable[[Any], msgspec.Struct]:
    """Answers for the gallery or the image that there is."""
    image = _if("image", IMAGES, "image_not_found", reply)
    gallery = _if("gallery", GALLERIES, "gallery_not_found", reply)
    return lambda request: image(request) if request.gallery is None else gallery(request)


IMAGES = (views.IMAGE, "default/debian")
GALLERIES = (views.GALLERY, "default")
DONE = contract.Done()


def _replaced(view: Any, **fields: str) -> Callable[[Any], msgspec.Struct]:
    """Answers a command with the view of what it sets; each field is taken from one of the command."""
    return lambda request: msgspec.structs.replace(
        view, **{field: getattr(request, name) for field, name in fields.items()}
    )


ANSWERS: dict[type[contract.Request], Callable[[Any], msgspec.Struct | None]] = {
    contract.OfferImages: _pairs,
    contract.RevokeOffers: _pairs,
    contract.SuspendSharing: _if("image", IMAGES, "image_not_found", DONE),
    contract.ListMembers: _if("image", IMAGES, "image_not_found", contract.MemberPage(items=(member,))),
    contract.GetSharingStatus: _on(status),
    contract.ListShares: lambda _: contract.SharePage(items=(share,), next="more"),
    contract.GetShare: _if("image", (OFFERED,), "share_not_found", share),
    contract.AnswerOffer: _if("image", (OFFERED,), "share_not_found", share),
    contract.ShareGallery: _if("gallery", GALLERIES, "gallery_not_found", gallery_sharing),
    contract.GetGallerySharing: _if("gallery", GALLERIES, "gallery_not_found", gallery_sharing),
    contract.ListGrants: _on(contract.GrantPage(items=(grant,))),
    contract.SetGrant: _on(grant),
    contract.DropGrant: _on(DONE),
    contract.SetPodTenants: _if("pod", (views.pod.name,), "pod_not_found", _replaced(views.pod, tenants="tenants")),
    contract.ListUnits: lambda _: contract.UnitPage(items=(unit,)),
    contract.SetUnit: _replaced(unit, path="path"),
    contract.DropUnit: _if("path", (unit.path,), "unit_not_found", DONE),
    contract.ListAccounts: lambda _: contract.AccountPage(items=(account,)),
    contract.SetAccount: _replaced(account, name="name", unit="unit"),
    contract.DropAccount: _if("name", (account.name,), "account_not_found", DONE),
    contract.ListTenants: lambda _: contract.TenantPage(items=(tenant,)),
    contract.GetTenant: _if("name", (tenant.name,), "tenant_not_found", tenant),
    contract.SetTenant: _replaced(tenant, name="name", account="account"),
    contract.ListUsers: lambda _: contract.PersonPage(items=(person,)),
    contract.SetUser: _replaced(person, name="name", roles="roles"),
    contract.DropUser: _if("name", (person.name,), "user_not_found", DONE),
    contract.ListTokens: lambda _: contract.TokenPage(items=(token,)),
    contract.CreateToken: lambda _: token,
    contract.RevokeToken: _if("token", (TOKEN_ID,), "token_not_found", DONE),
    contract.ListSharingAudit: lambda _: contract.AuditPage(items=(views.audit,), sequence=1, head="d" * 64),
}
