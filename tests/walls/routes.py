"""Every route of the door: which request it becomes, and a body that it takes."""

from typing import Any, NamedTuple

from contracts import requests as r
from contracts.requests import Request
from walls.land import MARKER, NUMBER


class Route(NamedTuple):
    """What a route asks of a service (None: it is answered by the door alone). ``body`` and ``query`` may name what the
    request is about as the path does: ``{image}``."""

    kind: type[Request] | None
    body: dict[str, Any] | None = None
    query: dict[str, str] = {}
    headers: dict[str, str] = {}


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
RULE = {"action": "DISABLE", "rule": {"by": "COUNT", "value": 99}}
SEATS = {"name": "mine", "image": "{image}", "pods": ["nowhere"], "number": NUMBER}
IMPORT = {"source": {"pod": "pod-1", "name": "golden"}, "number": NUMBER}
ANYWHERE = {"targets": {"kind": "list", "pods": ["nowhere"]}}
GRANT = {"roles": ["reader"]}
TUS = {"tus-resumable": "1.0.0"}
OPEN = {"live", "ready"}
"""Routes that ask for no token."""
BATCHES = {"add_members", "remove_members", "offer_images", "revoke_offers", "publish_many"}
"""Routes that answer with a result for each of what they were asked for."""
STREAMS = {"follow_events"}
"""Routes whose answers have no end."""

ROUTES: dict[str, Route] = {
    "list_galleries": Route(r.ListGalleries, query={"reach": "all"}),
    "create_gallery": Route(r.CreateGallery, {"name": "mine"}),
    "get_gallery": Route(r.GetGallery),
    "drop_gallery": Route(r.DropGallery),
    "edit_gallery": Route(r.EditGallery, {"description": "mine"}),
    "get_quota": Route(r.GetQuota, query={"tenant": "{tenant}"}),
    "set_quota": Route(r.SetQuota, {"images": 7}),
    "list_images": Route(r.ListImages, query={"gallery": "{gallery}", "owner": "{tenant}"}),
    "register_image": Route(r.RegisterImage, {"name": "mine", "gallery": "{gallery}"}),
    "get_image": Route(r.GetImage),
    "delete_image": Route(r.DeleteImage),
    "edit_image": Route(r.EditImage, {"description": "mine"}),
    "edit_tags": Route(r.EditTags, {"set": {"mine": "yes"}}),
    "list_versions": Route(r.ListVersions),
    "import_version": Route(r.ImportVersion, IMPORT),
    "get_version": Route(r.GetVersion),
    "delete_version": Route(r.DeleteVersion),
    "edit_version": Route(r.EditVersion, {"description": "mine"}),
    "restore_version": Route(r.RestoreVersion),
    "record_validation": Route(r.RecordValidation, {"kind": "boot", "status": "Succeeded"}),
    "get_lineage": Route(r.GetLineage),
    "list_users": Route(r.GetUsers),
    **{f"{verb}_image": Route(r.SetEnabled) for verb in ("disable", "enable")},
    "protect_image": Route(r.SetProtection, {}),
    "unprotect_image": Route(r.SetProtection),
    "deprecate_image": Route(r.SetDeprecation, {"state": "DEPRECATED"}),
    **{f"{verb}_version": Route(r.SetEnabled) for verb in ("disable", "enable")},
    "protect_version": Route(r.SetProtection, {}),
    "unprotect_version": Route(r.SetProtection),
    "deprecate_version": Route(r.SetDeprecation, {"state": "DEPRECATED"}),
    **{f"{verb}_version": Route(r.SetDataAccess) for verb in ("deactivate", "reactivate")},
    "list_markers": Route(r.ListMarkers),
    "get_marker": Route(r.GetMarker),
    "move_marker": Route(r.MoveMarker, {"number": NUMBER}),
    "drop_marker": Route(r.DropMarker),
    "rollback_marker": Route(r.RollbackMarker),
    "steer_rollout": Route(r.SteerRollout, {"verb": "halt"}),
    "list_assignments": Route(r.ListAssignments, query={"image": "{image}"}),
    "create_assignment": Route(r.CreateAssignment, SEATS),
    "get_assignment": Route(r.GetAssignment),
    "drop_assignment": Route(r.DropAssignment),
    "edit_assignment": Route(r.EditAssignment, {"seats": 2}),
    "list_seats": Route(r.ListSeats),
    "add_disk": Route(r.AddDisk, {"lun": 3, "size_gib": 1}),
    "rebuild_assignment": Route(r.RebuildAssignment, {}),
    "switch_image": Route(r.SwitchImage, {"image": "{image}", "number": NUMBER}),
    "duplicate_assignment": Route(r.DuplicateAssignment, {"name": "mine"}),
    "list_flavours": Route(r.ListFlavours),
    "set_flavour": Route(r.SetFlavour, {"models": ["T9"]}),
    "drop_flavour": Route(r.DropFlavour),
    "list_namespaces": Route(r.ListNamespaces),
    "set_namespace": Route(r.SetNamespace, {}),
    "drop_namespace": Route(r.DropNamespace),
    "list_certificates": Route(r.ListCertificates),
    "set_certificate": Route(r.SetCertificate, {"pem": PEM}),
    "drop_certificate": Route(r.DropCertificate),
    "list_retentions": Route(r.ListRetentions),
    "set_retention": Route(r.SetRetention, RULE),
    "drop_retention": Route(r.DropRetention),
    "preview_retention": Route(r.PreviewRetention, RULE),
    "run_retention": Route(r.RunRetention),
    "publish_version": Route(r.PublishVersion, ANYWHERE),
    "republish_version": Route(r.PublishVersion, {}),
    "unpublish_version": Route(r.UnpublishVersion),
    "cancel_publish": Route(r.CancelPublish),
    "publish_many": Route(r.PublishVersion, {"items": [{"image": "{image}", "version": NUMBER, **ANYWHERE}]}),
    "get_placement": Route(r.GetPlacement),
    "edit_placement": Route(r.EditPlacement, {"replicas": 1}),
    **{f"{verb}_placement": Route(r.PausePlacement) for verb in ("pause", "resume")},
    "plan_publish": Route(r.PlanPlacement, ANYWHERE),
    "list_copies": Route(r.ListCopies),
    "remove_copy": Route(r.RemoveCopy),
    "repair_copy": Route(r.RepairCopy),
    "list_policies": Route(r.ListPolicies),
    "get_policy": Route(r.GetPolicy),
    "set_policy": Route(r.SetPolicy, {"selector": {"labels": {"pod": ["nowhere"]}}}),
    "drop_policy": Route(r.DropPolicy),
    **{f"{verb}_policy": Route(r.SuspendPolicy) for verb in ("suspend", "resume")},
    **{f"{verb}_disk": Route(r.AdmitExport) for verb in ("export", "describe")},
    "list_members": Route(r.ListMembers),
    "add_members": Route(r.OfferImages, {"members": ["zmine"], "acknowledged": True}),
    "remove_members": Route(r.RevokeOffers, query={"member": "zmine"}),
    "list_shares": Route(r.ListShares),
    "offer_images": Route(r.OfferImages, {"images": ["{image}"], "members": ["zmine"], "acknowledged": True}),
    "revoke_offers": Route(r.RevokeOffers, {"images": ["{image}"], "members": ["zmine"]}),
    **{f"{verb}_sharing": Route(r.SuspendSharing) for verb in ("suspend", "resume")},
    "get_image_sharing_status": Route(r.GetSharingStatus),
    "get_share": Route(r.GetShare),
    "accept_offer": Route(r.AnswerOffer, {}),
    "reject_offer": Route(r.AnswerOffer),
    "get_gallery_sharing": Route(r.GetGallerySharing),
    "share_gallery": Route(r.ShareGallery, {"sharing": "private"}),
    "get_gallery_sharing_status": Route(r.GetSharingStatus),
    **{f"list_{noun}_grants": Route(r.ListGrants) for noun in ("gallery", "image", "version")},
    **{f"set_{noun}_grant": Route(r.SetGrant, GRANT) for noun in ("gallery", "image", "version")},
    **{f"drop_{noun}_grant": Route(r.DropGrant) for noun in ("gallery", "image", "version")},
    "begin_upload": Route(r.AdmitUpload, {"pod": "{pod}", "name": "mine.raw"}, headers={"upload-length": "65536"}),
    "put_upload": Route(r.AdmitUpload, headers={"content-range": "bytes 0-0/65536"}),
    "give_up_upload": Route(r.AdmitUpload, headers=TUS),
    "get_upload_offset": Route(r.AdmitUpload, headers=TUS),
    "append_to_upload": Route(
        r.AdmitUpload, headers={**TUS, "upload-offset": "0", "content-type": "application/offset+octet-stream"}
    ),
    "list_pods": Route(r.ListPods),
    "enroll_pod": Route(r.EnrollPod, {"pod": "mine"}),
    "get_pod": Route(r.GetPod),
    "list_pod_vms": Route(r.GetPodVms),
    "list_pod_library": Route(r.GetPodLibrary),
    "set_pod_limits": Route(r.SetPodLimits, {}),
    "set_pod_labels": Route(r.SetPodLabels, {"labels": {}}),
    "set_pod_tenants": Route(r.SetPodTenants, {"tenants": []}),
    **{f"{verb}_pod": Route(r.SetPodState) for verb in ("drain", "readmit")},
    "remove_pod": Route(r.SetPodState, {}),
    "request_inventory": Route(r.RequestInventory),
    "list_jobs": Route(r.ListJobs, query={"image": "{image}"}),
    "get_job": Route(r.GetJob),
    "list_job_events": Route(r.GetTimeline),
    "cancel_job": Route(r.CancelJob),
    "retry_job": Route(r.RetryJob),
    "list_audit": Route(r.ListAudit, query={"about": "{image}"}),
    "list_sharing_audit": Route(r.ListSharingAudit, query={"about": "{image}"}),
    "follow_events": Route(None, query={"image": "{image}"}),
    "list_webhooks": Route(r.ListHooks),
    "create_webhook": Route(r.CreateHook, {"url": "https://93.184.216.34/hook", "images": ["{image}"]}),
    "get_webhook": Route(r.GetHook),
    "drop_webhook": Route(r.DropHook),
    "change_webhook": Route(r.UpdateHook, {"suspended": True}),
    "test_webhook": Route(r.TestHook),
    "redeliver": Route(r.Redeliver, {}),
    "list_deliveries": Route(r.ListDeliveries),
    "whoami": Route(None),
    "list_tenant_users": Route(r.ListUsers, query={"tenant": "{tenant}"}),
    "set_user": Route(r.SetUser, {"roles": ["reader"]}, {"tenant": "{tenant}"}),
    "drop_user": Route(r.DropUser, query={"tenant": "{tenant}"}),
    "list_tokens": Route(r.ListTokens, query={"tenant": "{tenant}", "user": "{user}"}),
    "create_token": Route(r.CreateToken, {"user": "{user}", "tenant": "{tenant}"}),
    "revoke_token": Route(r.RevokeToken, query={"tenant": "{tenant}"}),
    "list_units": Route(r.ListUnits),
    "set_unit": Route(r.SetUnit, {}),
    "drop_unit": Route(r.DropUnit),
    "list_accounts": Route(r.ListAccounts),
    "set_account": Route(r.SetAccount, {}),
    "drop_account": Route(r.DropAccount),
    "list_tenants": Route(r.ListTenants),
    "get_tenant": Route(r.GetTenant),
    "set_tenant": Route(r.SetTenant, {}),
    "live": Route(None),
    "ready": Route(None),
    "metrics": Route(r.GetMetrics),
}
"""By the name of the operation in the document."""
READ_ON_SHARED = (
    "get_image", "list_versions", "get_version", "get_lineage", "list_users", "list_markers", "get_marker",
    "get_placement", "list_copies", "get_share", "describe_disk",
)  # fmt: skip
"""What a member of an image may look at."""
PARAMETERS = {"version": NUMBER, "marker": MARKER, "lun": "0", "principal": "user:zmine%2Fjo", "unit": "zunit"}
"""What is named in paths and belongs to a thing, or to nobody."""
