"""Copies that stay where they are, because the image says so (features.md F3)."""

from contracts.events.hub import ImageChanged, Targets
from contracts.requests import EditPlacement, RemoveCopy
from contracts.views import CopyView, PlacementView
from core.catalog_world import refused
from core.replicating import House, finalised, publishing, unpublishing
from replicator.documents import FIXED

IMAGE = publishing().image


def changed(*, fixed: bool | None, revision: int = 2) -> ImageChanged:
    return ImageChanged(image=IMAGE, tenant="acme", fields=("details",), fixed=fixed, revision=revision)


def published(*, fixed: bool) -> House:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2")), fixed=fixed)
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, finalised(pod))
    return house


def test_f3_neither_an_edit_nor_a_person_removes_a_copy_from_its_pod() -> None:
    house = published(fixed=True)
    problem, said = house.asked(EditPlacement, remove=("pod-2",))
    assert (refused(problem, "deletion_of_locations_forbidden").status, problem.data["pod"], said) == (409, "pod-2", [])
    problem, said = house.asked(RemoveCopy, pod="pod-2")
    assert (refused(problem, "deletion_of_locations_forbidden").data["pod"], said) == ("pod-2", [])
    assert house.state("pod-2") == "AVAILABLE"
    view, _ = house.asked(EditPlacement, add=("pod-3",))
    assert isinstance(view, PlacementView), "pods may be added"


def test_f3_the_latest_word_of_the_catalog_about_the_image_holds() -> None:
    house = published(fixed=False)
    house.catalog(changed(fixed=True))
    refused(house.asked(RemoveCopy, pod="pod-2")[0], "deletion_of_locations_forbidden")
    house.catalog(changed(fixed=None, revision=3))
    refused(house.asked(RemoveCopy, pod="pod-2")[0], "deletion_of_locations_forbidden")
    house.catalog(changed(fixed=False, revision=4))
    assert house.all(FIXED) == {}
    assert isinstance(house.asked(RemoveCopy, pod="pod-2")[0], CopyView)


def test_f3_a_version_that_is_deleted_goes_from_all_its_pods() -> None:
    house = published(fixed=True)
    house.catalog(unpublishing())
    assert [house.state(pod) for pod in ("pod-1", "pod-2")] == ["DELETING", "DELETING"]
