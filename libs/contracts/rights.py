"""Which right each request needs, and on what: the one table that services decide by and that tests walk.

``tenant``: a role in the actor's own tenant, whatever the request is about (`objection` says so before a service looks
at anything). ``image``, ``gallery``, ``version``: a role in one's own tenant where the thing belongs to it, else one
that was granted on it, or what its sharing gives (`runtime.access`). ``provider``: an operator's, or for reading an
auditor's. ``open``: the service decides by the actor alone (one's own tokens, one's own answer to an offer).
"""

from typing import Literal

from contracts import requests as r
from contracts.errors import Problem
from contracts.principals import Right
from contracts.requests.base import Request

Scope = Literal["tenant", "image", "version", "gallery", "provider", "open"]

NEEDS: dict[type[Request], tuple[Right, Scope]] = {
    # images and versions
    r.RegisterImage: ("publish", "gallery"),
    r.ImportVersion: ("publish", "image"),
    r.PublishVersion: ("publish", "image"),
    r.UnpublishVersion: ("publish", "image"),
    r.CancelPublish: ("publish", "image"),
    r.CancelJob: ("publish", "tenant"),
    r.RetryJob: ("publish", "tenant"),
    r.EditImage: ("publish", "image"),
    r.EditTags: ("publish", "image"),
    r.EditVersion: ("publish", "image"),
    r.RecordValidation: ("publish", "image"),
    r.RestoreVersion: ("manage", "image"),
    r.SetEnabled: ("manage", "image"),
    r.SetDataAccess: ("manage", "image"),
    r.SetProtection: ("manage", "image"),
    r.SetDeprecation: ("manage", "image"),
    r.DeleteVersion: ("manage", "image"),
    r.DeleteImage: ("manage", "image"),
    r.MoveMarker: ("publish", "image"),
    r.RollbackMarker: ("publish", "image"),
    r.SteerRollout: ("publish", "image"),
    r.DropMarker: ("publish", "image"),
    r.ListImages: ("read", "tenant"),
    r.GetImage: ("read", "image"),
    r.ListVersions: ("read", "image"),
    r.GetVersion: ("read", "version"),
    r.GetLineage: ("read", "version"),
    r.GetUsers: ("read", "image"),
    r.ListMarkers: ("read", "image"),
    r.GetMarker: ("read", "image"),
    r.GetSharingStatus: ("share", "image"),
    r.See: ("read", "open"),
    r.ListJobs: ("read", "tenant"),
    r.GetJob: ("read", "tenant"),
    r.GetTimeline: ("read", "tenant"),
    # galleries and what holds for a tenant
    r.CreateGallery: ("manage", "tenant"),
    r.EditGallery: ("manage", "gallery"),
    r.DropGallery: ("manage", "gallery"),
    r.ListGalleries: ("read", "tenant"),
    r.GetGallery: ("read", "gallery"),
    r.SetQuota: ("operate", "provider"),
    r.GetQuota: ("read", "tenant"),
    r.SetRetention: ("manage", "tenant"),
    r.DropRetention: ("manage", "tenant"),
    r.ListRetentions: ("read", "tenant"),
    r.PreviewRetention: ("read", "tenant"),
    r.RunRetention: ("manage", "tenant"),
    r.SetFlavour: ("manage", "tenant"),
    r.DropFlavour: ("manage", "tenant"),
    r.ListFlavours: ("read", "tenant"),
    r.SetNamespace: ("manage", "tenant"),
    r.DropNamespace: ("manage", "tenant"),
    r.ListNamespaces: ("read", "tenant"),
    r.SetCertificate: ("manage", "tenant"),
    r.DropCertificate: ("manage", "tenant"),
    r.ListCertificates: ("read", "tenant"),
    r.ListAudit: ("read", "tenant"),
    # assignments
    r.CreateAssignment: ("publish", "tenant"),
    r.EditAssignment: ("publish", "tenant"),
    r.AddDisk: ("publish", "tenant"),
    r.RebuildAssignment: ("publish", "tenant"),
    r.SwitchImage: ("publish", "tenant"),
    r.DuplicateAssignment: ("publish", "tenant"),
    r.DropAssignment: ("publish", "tenant"),
    r.ListAssignments: ("read", "tenant"),
    r.GetAssignment: ("read", "tenant"),
    r.ListSeats: ("read", "tenant"),
    # pods and placement
    r.ListPods: ("read", "tenant"),
    r.GetPod: ("read", "tenant"),
    r.GetPodVms: ("publish", "tenant"),
    r.GetPodLibrary: ("read", "tenant"),
    r.SetPodLimits: ("operate", "provider"),
    r.EnrollPod: ("operate", "provider"),
    r.SetPodLabels: ("operate", "provider"),
    r.SetPodTenants: ("operate", "provider"),
    r.SetPodState: ("operate", "provider"),
    r.RequestInventory: ("publish", "tenant"),
    r.GetMetrics: ("audit", "provider"),
    r.ListCopies: ("read", "version"),
    r.GetPlacement: ("read", "version"),
    r.PlanPlacement: ("publish", "tenant"),
    r.EditPlacement: ("publish", "version"),
    r.PausePlacement: ("publish", "version"),
    r.RemoveCopy: ("publish", "version"),
    r.RepairCopy: ("publish", "version"),
    r.ListPolicies: ("read", "tenant"),
    r.GetPolicy: ("read", "tenant"),
    r.SetPolicy: ("manage", "tenant"),
    r.SuspendPolicy: ("manage", "tenant"),
    r.DropPolicy: ("manage", "tenant"),
    r.AdmitUpload: ("publish", "tenant"),
    r.AdmitExport: ("read", "version"),
    # sharing
    r.OfferImages: ("share", "image"),
    r.RevokeOffers: ("share", "image"),
    r.SuspendSharing: ("share", "image"),
    r.AnswerOffer: ("manage", "tenant"),
    r.ListMembers: ("read", "open"),
    r.ListShares: ("read", "tenant"),
    r.GetShare: ("read", "tenant"),
    r.ShareGallery: ("manage", "gallery"),
    r.GetGallerySharing: ("read", "gallery"),
    r.SetGrant: ("manage", "image"),
    r.DropGrant: ("manage", "image"),
    r.ListGrants: ("manage", "image"),
    r.ListSharingAudit: ("read", "tenant"),
    # who is who
    r.SetUnit: ("operate", "provider"),
    r.DropUnit: ("operate", "provider"),
    r.ListUnits: ("audit", "provider"),
    r.SetAccount: ("operate", "provider"),
    r.DropAccount: ("operate", "provider"),
    r.ListAccounts: ("audit", "provider"),
    r.SetTenant: ("operate", "provider"),
    r.ListTenants: ("read", "open"),
    r.GetTenant: ("read", "open"),
    r.SetUser: ("manage", "tenant"),
    r.DropUser: ("manage", "tenant"),
    r.ListUsers: ("manage", "tenant"),
    r.CreateToken: ("read", "open"),
    r.RevokeToken: ("read", "open"),
    r.ListTokens: ("read", "open"),
    r.Authenticate: ("read", "open"),
    r.Identify: ("read", "open"),
    # webhooks
    r.CreateHook: ("manage", "tenant"),
    r.UpdateHook: ("manage", "tenant"),
    r.DropHook: ("manage", "tenant"),
    r.TestHook: ("manage", "tenant"),
    r.Redeliver: ("manage", "tenant"),
    r.ListHooks: ("manage", "tenant"),
    r.GetHook: ("manage", "tenant"),
    r.ListDeliveries: ("manage", "tenant"),
    # how a service is
    r.ListDeadLetters: ("operate", "provider"),
    r.GetHealth: ("read", "open"),
}
"""Request -> the right that it needs, and on what."""


def objection(request: Request) -> Problem | None:
    """Why the actor may not ask this at all, whatever it is about; None where that depends on the thing, or he may."""
    right, scope = NEEDS[type(request)]
    if scope not in ("tenant", "provider") or right in request.actor.rights:
        return None
    return forbidden(right, scope)


def forbidden(right: Right, scope: Scope) -> Problem:
    """The refusal of somebody who may know of a thing, and may not do that with it."""
    whose = "the provider's operators" if scope == "provider" else f"a role with the right to {right}"
    return Problem(
        code="forbidden",
        detail=f"this needs the right to {right}",
        hint=f"It is for {whose}; ask an owner of the tenant.",
        data={"needs": right},
    )
