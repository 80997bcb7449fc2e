"""Refusals and failures: one table of stable codes, and the two shapes in which they travel.

A `Problem` answers a request (RFC 9457 at the HTTP door). A `Failure` travels in events: what went wrong on a pod or in
a saga step, and whether trying again can help.
"""

import msgspec


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step of a saga did not succeed. ``hint`` tells the user what to do next."""

    code: str
    step: str
    text: str
    hint: str = ""
    retry: bool = False
    """Whether the same step may succeed when tried again unchanged."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="problem"):
    """The refusal of a request; it changed nothing. ``data`` carries what a program needs to react."""

    code: str
    detail: str
    hint: str = ""
    data: dict[str, str | int | bool | None] = {}

    @property
    def status(self) -> int:
        return CODES[self.code][0]

    @property
    def title(self) -> str:
        return CODES[self.code][1]


CODES: dict[str, tuple[int, str]] = {
    # requests in general
    "bad_request": (400, "The request is not well formed"),
    "validation_failed": (422, "A field has an unusable value"),
    "body_too_large": (413, "The body is larger than this route accepts"),
    "not_found": (404, "There is nothing here"),
    "method_not_allowed": (405, "This method is not offered here"),
    "unsupported_media_type": (415, "The body must be application/json"),
    "unauthenticated": (401, "The caller must say who it is"),
    "too_many_attempts": (429, "Too many attempts with wrong tokens"),
    "idempotency_key_reused": (422, "This Idempotency-Key was used for another request"),
    "revision_mismatch": (412, "It was changed by somebody else in the meantime"),
    "unavailable": (503, "A service does not answer"),
    "timeout": (504, "A service did not answer in time"),
    "internal": (500, "Something went wrong inside Imprint"),
    # the HTTP door
    "host_not_allowed": (403, "The door is not called by this name"),
    "cross_origin": (403, "Pages of other origins may not write here"),
    "request_timeout": (408, "The request took too long to arrive"),
    "busy": (503, "There is no room for another client"),
    # catalog
    "image_not_found": (404, "There is no such image"),
    "image_exists": (409, "An image of this name exists already"),
    "version_not_found": (404, "There is no such version"),
    "version_exists": (409, "A version of this number exists already"),
    "version_number_invalid": (422, "A version number is major.minor.patch"),
    "version_not_ready": (409, "The version is not in a state that allows this"),
    "no_latest": (404, "No version is eligible as latest"),
    "no_latest_on_pod": (404, "No version is available on this pod"),
    "job_not_found": (404, "There is no such job"),
    "file_type_mismatch": (422, "The image asks for another file type"),
    "os_mismatch": (422, "The image is of another operating system, state, generation or architecture"),
    "source_kind_unsupported": (422, "This kind of source is not supported"),
    "source_invalid": (422, "The source cannot be used like this"),
    "snapshot_convert": (422, "A source that is deleted cannot be given a snapshot"),
    "capsule_invalid": (422, "The capsule's components do not fit together"),
    # galleries, quotas, policies
    "gallery_not_found": (404, "There is no such gallery"),
    "gallery_exists": (409, "A gallery of this name exists already"),
    "gallery_not_empty": (409, "The gallery still has images"),
    "gallery_name_invalid": (422, "A gallery's name has letters, digits, dots, dashes and underscores"),
    "quota_exceeded": (409, "A quota is used up"),
    "retention_not_found": (404, "There is no such retention policy"),
    "retention_invalid": (422, "The retention policy cannot be used"),
    "flavour_not_found": (404, "There is no such flavour"),
    "flavour_in_use": (409, "Images name this flavour"),
    "flavour_system": (403, "System defaults cannot be changed"),
    "namespace_not_found": (404, "There is no such namespace"),
    "namespace_invalid": (422, "The schema contradicts itself"),
    "property_unknown": (422, "The namespace is closed and has no such property"),
    "property_invalid": (422, "The value does not fit the property's schema"),
    "property_protected": (403, "Only an operator may write this property"),
    "limit_exceeded": (409, "There are as many as are allowed"),
    # definitions
    "identifier_exists": (409, "The gallery has an image of this publisher, offer and SKU"),
    "identifier_invalid": (422, "Publisher, offer and SKU are letters, digits, dots, dashes and underscores"),
    "range_invalid": (422, "The minimum is above the maximum"),
    "end_of_life_invalid": (422, "An end of life lies in the future"),
    "feature_invalid": (422, "The feature has no such value, or needs something that the image does not have"),
    "features_locked": (409, "Features change only with allow_update_image"),
    "class_invalid": (422, "This class of image cannot have that"),
    "class_read_only": (403, "Images of the standard class belong to the provider"),
    "desktop_kind_invalid": (422, "This kind of desktop cannot be used here"),
    "tag_limit": (409, "The image has as many tags as are allowed"),
    "tag_invalid": (422, "The tag is predefined with other values"),
    "operation_unsupported": (409, "This kind of image does not allow that"),
    "property_change_not_allowed": (409, "This property is fixed"),
    "immutable": (409, "The content of a version never changes"),
    # lives
    "image_disabled": (409, "The image is disabled"),
    "version_disabled": (409, "The version is disabled"),
    "version_obsolete": (409, "The version is obsolete"),
    "version_deleted": (409, "The version is deleted"),
    "version_in_use": (409, "Assignments use the version"),
    "version_has_children": (409, "Other versions depend on this one"),
    "version_marked": (409, "A marker names the version"),
    "image_not_empty": (409, "The image still has versions"),
    "protected": (403, "It is protected from deletion"),
    "blocked_before_end_of_life": (409, "It cannot be deleted before its end of life"),
    "not_validated": (409, "The version may be used only after its validations succeeded"),
    "data_access_denied": (403, "The data of this version is denied at present"),
    "certificate_not_found": (404, "There is no such certificate"),
    "certificate_invalid": (422, "The certificate cannot be used"),
    "plugin_unsupported": (422, "This import plug-in is not supported"),
    "past_end_of_life": (409, "Its end of life has passed"),
    "not_deleted": (409, "It is not soft-deleted"),
    "replacement_invalid": (422, "The replacement cannot be used"),
    "deletion_of_locations_forbidden": (409, "Copies of this version may not be removed from pods"),
    "not_retryable": (409, "The job cannot be done again"),
    # markers and assignments
    "marker_not_found": (404, "There is no such marker"),
    "marker_frozen": (409, "The marker is frozen while its version is disabled"),
    "marker_in_use": (409, "Assignments are bound to the marker"),
    "marker_no_history": (409, "The marker named no other version before"),
    "marker_target_unavailable": (409, "A pod of a bound assignment has no available copy of that version"),
    "rollout_running": (409, "A staged move of the marker is under way"),
    "rollout_not_found": (404, "No staged move of the marker is under way"),
    "assignment_not_found": (404, "There is no such assignment"),
    "assignment_exists": (409, "An assignment of this name exists already"),
    "assignment_state": (409, "The assignment is not in a state that allows this"),
    "assignment_in_use": (409, "Users are logged on"),
    "copy_unavailable": (409, "A pod has no available copy of the version"),
    "requirements_not_met": (422, "The image asks for more than the assignment has"),
    "customisation_required": (422, "Seats of a generalized image need a customisation"),
    "customisation_refused": (422, "A specialized image takes no customisation"),
    "security_type_mismatch": (422, "The image's security type does not allow this kind of VM"),
    "eula_not_accepted": (409, "The image's EULA must be accepted"),
    "plan_mismatch": (422, "The purchase plan is not the image's"),
    "switch_incompatible": (409, "The other image differs in what must be the same"),
    "flavour_mismatch": (422, "The image is not offered to this model of endpoint"),
    "endpoints_invalid": (422, "This image takes seats, or endpoints, but not those"),
    "disk_exists": (409, "There is a disk at this lun already"),
    # pods and placement
    "pod_not_found": (404, "There is no such pod"),
    "pod_unknown": (422, "A named pod is not enrolled"),
    "pod_draining": (409, "The pod accepts nothing new"),
    "no_target": (409, "No enrolled pod matches the targets"),
    "replicas_unsupported": (422, "The pod has fewer datastores than replicas are wanted"),
    "placement_not_found": (404, "The version was never published"),
    "placement_state": (409, "The placement is not in a state that allows this"),
    "copy_not_found": (404, "There is no such copy"),
    "copy_state": (409, "The copy is not in a state that allows this"),
    "targets_invalid": (422, "The targets cannot be used"),
    "shallow_convert": (422, "A version whose source was deleted cannot be published shallow"),
    "deadline_unreachable": (409, "The measured capacity cannot meet the deadline"),
    "not_cancellable": (409, "There is nothing under way to cancel"),
    "policy_forbids": (403, "A placement policy forbids this pod"),
    "policy_not_found": (404, "There is no such policy"),
    "policy_invalid": (422, "The policy cannot be used"),
    "pod_exists": (409, "A pod of this name is enrolled"),
    "pod_state": (409, "The pod is not in a state that allows this"),
    "last_holder": (409, "The pod is the only one that holds a version"),
    "labels_invalid": (422, "The labels cannot be used"),
    # webhooks
    "hook_not_found": (404, "There is no such webhook"),
    "hook_limit": (409, "The tenant has as many webhooks as are allowed"),
    "hook_url": (422, "Events cannot be posted to this address"),
    "delivery_not_found": (404, "There is no such delivery"),
    "limits_invalid": (422, "The limits cannot be used"),
    # uploads and exports
    "upload_not_found": (404, "There is no such upload"),
    "upload_offset": (409, "The upload stands at another offset"),
    "upload_busy": (409, "Another request writes to this upload"),
    "checksum_mismatch": (460, "The bytes received do not have the digest that was named"),
    "upload_protocol": (412, "This version of tus is not spoken"),
    "file_exists": (409, "The pod has a file of this name already"),
    "no_space": (507, "The pod has too little free space"),
    "pod_offline": (409, "The pod does not report at present"),
    "range_not_satisfiable": (416, "The disk has no such bytes"),
    "export_unavailable": (409, "No pod in touch holds this version"),
    # sharing
    "member_not_found": (404, "There is no such member"),
    "member_exists": (409, "The image is offered to this member already"),
    "not_shareable": (409, "The image cannot be shared in this state"),
    "member_limit": (409, "The image has as many members as are allowed"),
    "forbidden": (403, "The actor may not do this"),
    "acknowledgement_required": (422, "Whoever shares an image says that it holds no secrets"),
    "not_shareable_encrypted": (409, "Encrypted images cannot be shared"),
    "not_shareable_market": (409, "Images with a purchase plan cannot be shared"),
    "not_shareable_class": (409, "Images of this class cannot be shared"),
    "not_shareable_unavailable": (409, "No version of the image is available"),
    "reshare_forbidden": (403, "Whoever was offered an image cannot share it on"),
    "principal_invalid": (422, "This is nobody that something can be shared with"),
    "share_not_found": (404, "There is no such offer"),
    "share_revoked": (409, "The image is not shared with the tenant any more"),
    "share_scope": (403, "By policy images are not shared across this boundary"),
    "delivery_target": (409, "The pod is not one that the member may have copies on"),
    "gallery_sharing_invalid": (422, "The gallery cannot be shared like this"),
    "community_info_required": (422, "A community gallery says who publishes it"),
    "grant_not_found": (404, "There is no such grant"),
    "grant_limit": (409, "There are as many grants as are allowed"),
    # who is who
    "unit_not_found": (404, "There is no such organisation or unit"),
    "unit_not_empty": (409, "The unit still has units or accounts, or something is shared with it"),
    "account_not_found": (404, "There is no such account"),
    "account_not_empty": (409, "The account still has tenants, or something is shared with it"),
    "tenant_not_found": (404, "There is no such tenant"),
    "tenant_disabled": (403, "The tenant may not ask at present"),
    "user_not_found": (404, "There is no such user or service account"),
    "user_ending": (409, "What the user of before was granted is still being taken back"),
    "roles_exceeded": (403, "Nobody gives roles that he does not have"),
    "token_not_found": (404, "There is no such token"),
    "token_limit": (409, "The user has as many tokens as are allowed"),
    "member_state": (409, "The member cannot take this step from its state"),
}
"""Code of a `Problem` -> HTTP status and title. A code, once published, keeps its meaning."""

FAILURES: dict[str, str] = {
    # only the pod can know (import)
    "vm_not_found": "The pod has no VM of this name",
    "vm_locked": "The VM is in use by another operation",
    "vm_running": "The VM runs, so its disks change while they are read",
    "vm_invalid": "The VM's descriptor cannot be used",
    "file_not_found": "The pod has no incoming file of this name",
    "file_unreadable": "The file cannot be read",
    "file_empty": "The file is empty",
    "file_truncated": "The file ends before its header says",
    "file_changed": "The file changed while it was read",
    "format_unknown": "The format is not one that Imprint imports",
    "format_mismatch": "The content is not of the declared format",
    "format_unsafe": "The file refers to other files or has unknown features",
    "backing_file": "The image needs a backing file",
    "external_data_file": "The image keeps its data in another file",
    "virtual_size": "The virtual size is zero, negative or over the limit",
    "disk_not_found": "The pod has no volume of this name",
    "snapshot_not_found": "The pod has no snapshot of this name",
    "snapshot_exists": "The pod has a snapshot of this name already",
    "template_not_found": "The pod has no template of this name",
    "upload_not_found": "The pod has no finished upload of this name",
    "version_missing": "The pod does not hold the version that this one is made from",
    "os_mismatch": "The source is not of the image's operating system, state, generation or architecture",
    "feature_missing": "The source lacks a feature that the image names",
    "file_type_mismatch": "The image asks for another file type",
    "image_signature_invalid": "The signature of the image does not hold",
    "decompression_failed": "The compressed file cannot be unpacked",
    "snapshot_failed": "The version is there, but the snapshot could not be made",
    "pool_unsupported": "The pod cannot make such seats",
    "seat_failed": "A seat could not be made",
    "capsule_failed": "The capsule's health check failed",
    "manifest_invalid": "The pod's description of the version cannot be right",
    "datastore_not_found": "The pod has no datastore of this name",
    "datastore_taken": "Another copy of the version is on this datastore",
    # copies
    "no_space": "The datastore has too little free space",
    "quota_exceeded": "The quota of the datastore is used up",
    "io_error": "The pod's disk reported an error",
    "source_unreachable": "No holder of the version answers",
    "source_refused": "A holder refused to serve the version",
    "digest_mismatch": "The bytes received are not those of the version",
    "ticket_expired": "The ticket ended before the copy, and no other came",
    "signature_invalid": "The hub did not sign this version",
    "bit_rot": "Bytes at rest changed",
    "index_invalid": "The chunk index does not belong to the version",
    "finalise_failed": "The pod's library did not take the copy",
    "capability_missing": "The pod's hosts cannot do what the version asks for",
    "pod_offline": "The pod did not come back before the deadline",
    "deadline_exceeded": "The step took longer than its deadline",
    "no_target": "No enrolled pod matches the targets",
    "deadline_unreachable": "The measured capacity cannot meet the deadline",
    "deadline_at_risk": "By the measured capacity the deadline will not be met",
    "policy_forbids": "A placement policy forbids every target",
    "called_off": "The publish was given up before it began",
    "replicas_unsupported": "A named pod has fewer datastores than replicas are wanted",
    "size_across_regions": "The version is larger than may be copied across regions",
    "iso_across_regions": "An ISO image may not be copied across regions",
    "encrypted_across_regions": "An encrypted image may not be copied across regions",
    "copy_missing": "The pod does not hold the copy any more",
    "cancelled": "It was cancelled",
    "all_or_nothing": "A copy of an all-or-nothing publish failed",
    "all_copies_failed": "No pod has an available copy",
    "share_revoked": "The image is not shared with the tenant any more",
    "delivery_target": "The pod is not one that the member may have copies on",
    "no_latest": "No version of the image can be used",
    "version_not_ready": "The version is not published",
    "internal": "The connector met an error it does not know",
}
"""Code of a `Failure` -> its meaning."""
