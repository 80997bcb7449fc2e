"""What the OpenAPI document says beside what Litestar knows: bodies, what paths name, and headers, by operation."""

from collections.abc import Iterable
from typing import Any

from contracts.definition import NAMESPACE, UPDATABLE, VERSION_UPDATABLE
from contracts.names import ID, NAME, NUMBER, POD
from contracts.principals import PRINCIPAL, UNIT
from gateway import bodies
from gateway.paths import BELOW, IMAGE


def _listed(fields: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(fields))


BODIES: dict[str, tuple[type[bodies.Body], bool]] = {
    "create_gallery": (bodies.GalleryToMake, True),
    "set_quota": (bodies.QuotaToSet, True),
    "set_retention": (bodies.RetentionToSet, True),
    "preview_retention": (bodies.RetentionToSet, False),
    "set_flavour": (bodies.FlavourToSet, True),
    "set_namespace": (bodies.NamespaceToSet, True),
    "set_certificate": (bodies.CertificateToSet, True),
    "register_image": (bodies.ImageToRegister, True),
    "edit_tags": (bodies.TagsToEdit, True),
    "protect_image": (bodies.ProtectionToSet, False),
    "protect_version": (bodies.ProtectionToSet, False),
    "deprecate_image": (bodies.DeprecationToSet, True),
    "deprecate_version": (bodies.DeprecationToSet, True),
    "record_validation": (bodies.ValidationToRecord, True),
    "move_marker": (bodies.MarkerToMove, True),
    "steer_rollout": (bodies.RolloutToSteer, True),
    "create_assignment": (bodies.AssignmentToMake, True),
    "add_disk": (bodies.DiskToAdd, True),
    "rebuild_assignment": (bodies.SeatsToRebuild, False),
    "switch_image": (bodies.ImageToSwitchTo, True),
    "duplicate_assignment": (bodies.AssignmentToDuplicate, True),
    "import_version": (bodies.VersionToImport, True),
    "publish_version": (bodies.Publication, False),
    "republish_version": (bodies.Republication, False),
    "publish_many": (bodies.Publications, True),
    "plan_publish": (bodies.Publication, False),
    "edit_placement": (bodies.PlacementToEdit, True),
    "set_policy": (bodies.PolicyToSet, True),
    "set_pod_limits": (bodies.LimitsToSet, True),
    "set_pod_labels": (bodies.LabelsToSet, True),
    "enroll_pod": (bodies.PodToEnroll, True),
    "remove_pod": (bodies.PodToRemove, False),
    "create_webhook": (bodies.WebhookToMake, True),
    "change_webhook": (bodies.WebhookToChange, True),
    "redeliver": (bodies.DeliveryToRepeat, False),
    "begin_upload": (bodies.FileToUpload, False),
    "add_members": (bodies.MembersToAdd, True),
    "offer_images": (bodies.OffersToMake, True),
    "revoke_offers": (bodies.OffersToRevoke, True),
    "accept_offer": (bodies.OfferToAccept, False),
    "share_gallery": (bodies.GallerySharingToSet, True),
    **dict.fromkeys(("set_gallery_grant", "set_image_grant", "set_version_grant"), (bodies.GrantToSet, True)),
    "set_pod_tenants": (bodies.TenantsToSet, True),
    "set_unit": (bodies.UnitToSet, False),
    "set_account": (bodies.DirectoryAccountToSet, False),
    "set_tenant": (bodies.TenantToSet, False),
    "set_user": (bodies.UserToSet, True),
    "create_token": (bodies.TokenToMake, False),
}
"""Operation -> the form of its body, and whether there must be one."""
PATCHES: dict[str, str] = {
    "edit_gallery": "`description`, `quota` and `soft_delete` may change.",
    "edit_image": f"Of an image's fields and `details` these may change: {_listed(UPDATABLE)}; `features` with "
    "`allow_update_image`.",
    "edit_version": f"Of a version's fields these may change: {_listed(VERSION_UPDATABLE)}.",
    "edit_assignment": "`seats`, `endpoints`, `pods`, `marker`, `number` and `shape` may change.",
}
"""Operation that takes a JSON merge patch -> what may change by it."""


def _named(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string", "pattern": NAME, "maxLength": 80}}


PATHS: dict[str, dict[str, Any]] = {
    "image": {
        "description": "The image's id, or its gallery and name with the slash between them encoded: "
        "`default%2Fdebian`. Unencoded (`/v1/images/default/debian`) works too, unless the name is one of those that "
        f"follow an image in a path: {_listed(BELOW)}.",
        "schema": {"type": "string", "pattern": IMAGE, "maxLength": 161},
    },
    "version": {
        "description": "The version's number, `1.0.0` or `1.0`, or `latest`.",
        "schema": {"type": "string", "pattern": f"^(latest|{NUMBER.strip('^$')})$", "maxLength": 32},
    },
    "gallery": _named("The gallery's name or id."),
    "tenant": _named("The tenant's name."),
    "retention": _named("The retention policy's name."),
    "flavour": _named("The flavour's name."),
    "namespace": {
        "description": "The namespace's name.",
        "schema": {"type": "string", "pattern": NAMESPACE, "maxLength": 32},
    },
    "certificate": _named("The certificate's name."),
    "marker": _named("The marker's name."),
    "assignment": _named("The assignment's name or id."),
    "pod": {"description": "The pod's name.", "schema": {"type": "string", "pattern": POD, "maxLength": 32}},
    "upload": {
        "description": "The upload, as its Location names it.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$", "maxLength": 1024},
    },
    "lun": {"description": "The disk's lun.", "schema": {"type": "integer", "minimum": 0, "maximum": 255}},
    "job": {"description": "The job's id.", "schema": {"type": "string", "pattern": ID, "maxLength": 32}},
    "policy": _named("The policy's name."),
    "share": {"description": "The id of the image.", "schema": {"type": "string", "pattern": ID, "maxLength": 32}},
    "principal": {
        "description": "A tenant `acme`, `account:x`, `org:corp%2Feu`, `user:acme%2Fjo`, `service:acme%2Fci` or "
        "`group:acme%2Fdevs`; its slashes are encoded.",
        "schema": {"type": "string", "pattern": PRINCIPAL, "maxLength": 208},
    },
    "unit": {
        "description": "The organisation, and a unit of it below a slash, encoded or not: `corp/europe`.",
        "schema": {"type": "string", "pattern": UNIT, "maxLength": 200},
    },
    "account": _named("The account's name."),
    "user": _named("The name of the user or service account."),
    "token": {"description": "The token's id.", "schema": {"type": "string", "pattern": ID, "maxLength": 32}},
    "webhook": {"description": "The webhook's id.", "schema": {"type": "string", "pattern": ID, "maxLength": 32}},
}


HEADERS: dict[str, tuple[str, str]] = {
    "201": ("Location", "Where what was made is found."),
    "202": ("Location", "The job."),
    "401": ("WWW-Authenticate", "How to say who asks: `Bearer`."),
    "429": ("Retry-After", "Seconds after which to show another token."),
    "503": ("Retry-After", "Seconds after which to try again."),
}
"""Status -> the header that comes with it."""
_PLACEMENT, _POLICY, _WEBHOOK, _GALLERY, _IMAGE, _VERSION, _MARKER, _ASSIGNMENT, _QUOTA, _FLAVOUR, _NAMESPACE = (
    f"The revision of the {what}, for If-Match."
    for what in (
        "placement", "policy", "webhook", "gallery", "image", "version", "marker", "assignment", "quota", "flavour",
        "namespace",
    )
)  # fmt: skip
TAGGED = {
    "set_pod_limits": "The revision of the limits, for If-Match.",
    "set_pod_labels": "The revision of the labels, for If-Match.",
    "set_pod_tenants": "The revision of the tenants, for If-Match.",
    **dict.fromkeys(("get_gallery_sharing", "share_gallery"), "The revision of the sharing, for If-Match."),
    "get_placement": _PLACEMENT,
    "edit_placement": _PLACEMENT,
    "pause_placement": _PLACEMENT,
    "resume_placement": _PLACEMENT,
    "get_policy": _POLICY,
    "set_policy": _POLICY,
    "suspend_policy": _POLICY,
    "resume_policy": _POLICY,
    "set_retention": _POLICY,
    "get_quota": _QUOTA,
    "set_quota": _QUOTA,
    "set_flavour": _FLAVOUR,
    "set_namespace": _NAMESPACE,
    "get_webhook": _WEBHOOK,
    "change_webhook": _WEBHOOK,
    **dict.fromkeys(("create_gallery", "get_gallery", "edit_gallery"), _GALLERY),
    **dict.fromkeys(("register_image", "get_image", "edit_image", "edit_tags"), _IMAGE),
    **dict.fromkeys(("get_version", "edit_version", "restore_version", "record_validation"), _VERSION),
    **dict.fromkeys(("deactivate_version", "reactivate_version"), _VERSION),
    **dict.fromkeys(("get_marker", "move_marker", "rollback_marker", "steer_rollout"), _MARKER),
    **dict.fromkeys(
        (
            "create_assignment", "get_assignment", "edit_assignment", "add_disk", "rebuild_assignment", "switch_image",
            "duplicate_assignment", "drop_assignment",
        ),
        _ASSIGNMENT,
    ),
}  # fmt: skip
"""Operation -> what the ETag of its answer is."""
ADVISED = {
    "Warning": "What to know before using it, one `299` each: that it is deprecated, that its end of life is near.",
    "Link": "What to use instead, as `successor-version`.",
}
"""Headers of what can be deprecated."""
DEPRECATED = (_IMAGE, _VERSION, _ASSIGNMENT)
"""What an ETag is of where there are such headers."""
