"""The forms of what goes in and out over HTTP are those of the services."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from contracts import requests as contract
from contracts.definition import Flavour, Namespace
from contracts.desktops import DataDisk
from contracts.keeping import Quota, Retention
from contracts.terms import Override, Policy, Requirements, Selector, Targets, Terms
from contracts.views import ExportGrantView, MetricsView, UploadGrantView
from gateway import bodies
from gateway.described import BODIES
from gateway.shapes import SHAPES


def structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The Structs in a type, at every depth."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from structs_in(field.type)
    for part in get_args(kind):
        yield from structs_in(part)


LIVE = {"actor", "id", "image", "number", "revision"}


def forms(kind: type[msgspec.Struct]) -> dict[str, object]:
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize(
    ("body", "command", "elsewhere"),
    [
        (bodies.ImageToRegister, contract.RegisterImage, {"actor", "id"}),
        (bodies.VersionToImport, contract.ImportVersion, {"actor", "id", "image"}),
        (bodies.GalleryToMake, contract.CreateGallery, {"actor", "id"}),
        (bodies.QuotaToSet, Quota, set()),
        (bodies.RetentionToSet, Retention, {"name"}),
        (bodies.FlavourToSet, Flavour, {"name", "system"}),
        (bodies.NamespaceToSet, Namespace, {"name"}),
        (bodies.CertificateToSet, contract.SetCertificate, {"actor", "id", "name"}),
        (bodies.TagsToEdit, contract.EditTags, {"actor", "id", "image", "revision"}),
        (bodies.ProtectionToSet, contract.SetProtection, LIVE | {"protected"}),
        (bodies.DeprecationToSet, contract.SetDeprecation, LIVE),
        (bodies.ValidationToRecord, contract.RecordValidation, LIVE - {"revision"}),
        (bodies.MarkerToMove, contract.MoveMarker, {"actor", "id", "image", "marker", "revision"}),
        (bodies.RolloutToSteer, contract.SteerRollout, {"actor", "id", "image", "marker"}),
        (bodies.AssignmentToMake, contract.CreateAssignment, {"actor", "id"}),
        (bodies.DiskToAdd, DataDisk, set()),
        (bodies.SeatsToRebuild, contract.RebuildAssignment, {"actor", "id", "assignment"}),
        (bodies.ImageToSwitchTo, contract.SwitchImage, {"actor", "id", "assignment", "revision"}),
        (bodies.AssignmentToDuplicate, contract.DuplicateAssignment, {"actor", "id", "assignment"}),
        (bodies.TargetsToPublish, Targets, set()),
        (bodies.LabelsToMatch, Selector, set()),
        (bodies.OverrideToSet, Override, set()),
        (bodies.RequirementsToMeet, Requirements, set()),
        (bodies.PlacementToEdit, contract.EditPlacement, {"actor", "id", "version", "revision"}),
        (bodies.PolicyToSet, Policy, set()),
        (bodies.PodToEnroll, contract.EnrollPod, {"actor", "id"}),
        (bodies.LabelsToSet, contract.SetPodLabels, {"actor", "id", "pod", "revision"}),
        (bodies.PodToRemove, contract.SetPodState, {"actor", "id", "pod", "verb"}),
        (bodies.OffersToMake, contract.OfferImages, {"actor", "id"}),
        (bodies.MembersToAdd, contract.OfferImages, {"actor", "id", "images"}),
        (bodies.OffersToRevoke, contract.RevokeOffers, {"actor", "id"}),
        (bodies.MembersToRemove, contract.RevokeOffers, {"actor", "id", "images"}),
        (bodies.OfferToAccept, contract.AnswerOffer, {"actor", "id", "image", "answer"}),
        (bodies.GallerySharingToSet, contract.ShareGallery, {"actor", "id", "gallery", "revision"}),
        (bodies.GrantToSet, contract.SetGrant, {"actor", "id", "gallery", "image", "number", "principal"}),
        (bodies.TenantsToSet, contract.SetPodTenants, {"actor", "id", "pod", "revision"}),
        (bodies.UnitToSet, contract.SetUnit, {"actor", "id", "path"}),
        (bodies.DirectoryAccountToSet, contract.SetAccount, {"actor", "id", "name"}),
        (bodies.TenantToSet, contract.SetTenant, {"actor", "id", "name"}),
        (bodies.UserToSet, contract.SetUser, {"actor", "id", "name", "tenant"}),
        (bodies.TokenToMake, contract.CreateToken, {"actor", "id", "digest"}),
        (bodies.WebhookToMake, contract.CreateHook, {"actor", "id"}),
        (bodies.WebhookToChange, contract.UpdateHook, {"actor", "id", "hook", "revision"}),
        (bodies.DeliveryToRepeat, contract.Redeliver, {"actor", "id", "hook"}),
    ],
)
def test_a_body_has_the_fields_and_defaults_of_its_command(
    body: type[msgspec.Struct], command: type[msgspec.Struct], elsewhere: set[str]
) -> None:
    wanted = {name: default for name, default in forms(command).items() if name not in elsewhere}
    given = forms(body)
    assert set(given) == set(wanted)
    plain = {name for name, default in wanted.items() if not isinstance(default, msgspec.Struct)}
    assert {name: given[name] for name in plain} == {name: wanted[name] for name in plain}


def test_a_publish_has_every_term_and_says_of_none_more_than_was_given() -> None:
    commanded = set(forms(contract.PublishVersion)) - {"actor", "id", "image", "number", "again", "terms"}
    assert set(forms(bodies.Republication)) == commanded | set(forms(Terms))
    assert set(forms(bodies.Publication)) == set(forms(bodies.Republication)) - {"more"}
    assert set(forms(bodies.PublicationInBatch)) == {*forms(bodies.Republication), "image", "version", "again"}
    assert set(forms(bodies.Publication).values()) == {None}


def test_every_body_refuses_unknown_fields_at_every_depth() -> None:
    for kind, _ in BODIES.values():
        for nested in structs_in(kind):
            assert nested.__struct_config__.forbid_unknown_fields, (kind, nested)


@pytest.mark.parametrize("view", SHAPES, ids=lambda view: view.__name__)
def test_a_shape_has_every_field_of_its_view_and_no_tag(view: type[msgspec.Struct]) -> None:
    shape = SHAPES[view]
    assert shape.__struct_config__.tag is None
    assert shape.__doc__ == view.__doc__
    fields = msgspec.structs.fields(shape)
    assert [field.name for field in fields] == [field.name for field in msgspec.structs.fields(view)]
    assert all(field.required for field in fields)


def test_every_reply_that_the_door_passes_on_has_a_shape() -> None:
    later = {contract.Done, contract.DeadLetterPage, MetricsView}
    later |= {UploadGrantView, ExportGrantView, contract.Seen}  # tickets, and what streams go by, stay inside the door
    assert set(contract.REPLIES.values()) - later <= set(SHAPES)
