"""Bodies about sharing: offers, answers, how galleries are shared, role grants."""

from contracts.requests import AnswerOffer, OfferImages, RevokeOffers, SetGrant, SetPodTenants, ShareGallery
from gateway.bodies.strict import COMMAND, taken

OffersToMake = taken(
    OfferImages,
    "OffersToMake",
    COMMAND,
    "Images to offer to members, each to each, 400 pairs at most. ``acknowledged`` says that the images hold no "
    "secrets (keys, passwords, histories): whoever is offered an image can read all of it. With ``until`` the offers "
    "end then.",
)
MembersToAdd = taken(
    OfferImages,
    "MembersToAdd",
    COMMAND | {"images"},
    "Whom an image is offered to: tenants (`acme`), accounts (`account:x`), organisations or units (`org:corp/eu`). "
    "``acknowledged`` says that the image holds no secrets. With ``until`` the offer ends then.",
)
OffersToRevoke = taken(
    RevokeOffers,
    "OffersToRevoke",
    COMMAND,
    "Offers to take back, of each image to each member. ``grace`` is hours for which they still hold.",
)
MembersToRemove = taken(RevokeOffers, "MembersToRemove", COMMAND | {"images"}, "Members to remove, and hours of grace.")
OfferToAccept = taken(
    AnswerOffer,
    "OfferToAccept",
    COMMAND | {"image", "answer"},
    "With ``pods`` the image's latest version, or ``number``, is delivered to these as a job of the member's.",
)
GallerySharingToSet = taken(
    ShareGallery,
    "GallerySharingToSet",
    COMMAND | {"gallery"},
    "*private*: with nobody. *groups*: with the tenants and accounts in ``members``. *community*: with everybody, "
    "under a public name, and ``community`` says who publishes it. *public*: the provider's galleries, with everybody.",
)
GrantToSet = taken(
    SetGrant,
    "GrantToSet",
    COMMAND | {"gallery", "image", "number", "principal"},
    "Roles that a principal is to have, all of them.",
)
TenantsToSet = taken(
    SetPodTenants,
    "TenantsToSet",
    COMMAND | {"pod"},
    "Who may use a pod: tenants, accounts, organisations. None named: every tenant.",
)
