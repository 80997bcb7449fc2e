"""What the door takes: the bodies of writes. A field that is not named there is refused."""

from gateway.bodies.base import Body, read, read_value
from gateway.bodies.images import FileToUpload, ImageToRegister, SourceToImport, VersionToImport
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
    "Body",
    "DeliveryToRepeat",
    "FileToUpload",
    "ImageToRegister",
    "LabelsToMatch",
    "LabelsToSet",
    "LimitsToSet",
    "OverrideToSet",
    "PlacementToEdit",
    "PodToEnroll",
    "PodToRemove",
    "PolicyToSet",
    "Publication",
    "PublicationInBatch",
    "Publications",
    "Republication",
    "RequirementsToMeet",
    "SourceToImport",
    "TargetsToPublish",
    "VersionToImport",
    "WebhookToChange",
    "WebhookToMake",
    "WindowToSet",
    "read",
    "read_value",
]
