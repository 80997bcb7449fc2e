"""What the door takes: the bodies of writes. A field that is not named there is refused."""

from gateway.bodies.assignments import (
    AssignmentToDuplicate,
    AssignmentToMake,
    DiskToAdd,
    ImageToSwitchTo,
    SeatsToRebuild,
)
from gateway.bodies.base import Body, read, read_changes, read_value
from gateway.bodies.galleries import FlavourToSet, GalleryToMake, NamespaceToSet, QuotaToSet, RetentionToSet
from gateway.bodies.images import (
    DeprecationToSet,
    FileToUpload,
    ImageToRegister,
    MarkerToMove,
    ProtectionToSet,
    RolloutToSteer,
    TagsToEdit,
    ValidationToRecord,
    VersionToImport,
)
from gateway.bodies.pods import LabelsToSet, LimitsToSet, PodToEnroll, PodToRemove, WindowToSet
from gateway.bodies.policies import PolicyToSet
from gateway.bodies.publishing import (
    LabelsToMatch,
    OverrideToSet,
    PlacementToEdit,
    Publication,
    PublicationInBatch,
    Publications,
    Republication,
    RequirementsToMeet,
    TargetsToPublish,
)
from gateway.bodies.webhooks import DeliveryToRepeat, WebhookToChange, WebhookToMake

__all__ = [
    "AssignmentToDuplicate",
    "AssignmentToMake",
    "Body",
    "DeliveryToRepeat",
    "DeprecationToSet",
    "DiskToAdd",
    "FileToUpload",
    "FlavourToSet",
    "GalleryToMake",
    "ImageToRegister",
    "ImageToSwitchTo",
    "LabelsToMatch",
    "LabelsToSet",
    "LimitsToSet",
    "MarkerToMove",
    "NamespaceToSet",
    "OverrideToSet",
    "PlacementToEdit",
    "PodToEnroll",
    "PodToRemove",
    "PolicyToSet",
    "ProtectionToSet",
    "Publication",
    "PublicationInBatch",
    "Publications",
    "QuotaToSet",
    "Republication",
    "RequirementsToMeet",
    "RetentionToSet",
    "RolloutToSteer",
    "SeatsToRebuild",
    "TagsToEdit",
    "TargetsToPublish",
    "ValidationToRecord",
    "VersionToImport",
    "WebhookToChange",
    "WebhookToMake",
    "WindowToSet",
    "read",
    "read_changes",
    "read_value",
]
