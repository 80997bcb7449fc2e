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
    "source_kind_unsupported": (422, "This kind of source is not supported"),
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
    "internal": "The connector met an error it does not know",
}
"""Code of a `Failure` -> its meaning."""
