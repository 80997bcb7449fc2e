"""What the audit log of the catalog tells."""

from typing import Any

from catalog.documents import IMAGE
from catalog.domain.marker import Marker
from runtime.changes import Fields, Watched, owner
from runtime.work import Work


def _of_image(work: Work, id: str, _: Any) -> str:
    """The tenant of an image by whose id something else is kept; empty where nobody needed to know the image."""
    image = work.before(IMAGE.name, id)
    return "" if image is None else str(image.tenant)


def _version(fields: Fields) -> Fields:
    """A manifest by its digest, a publish without the sums of its copies."""
    manifest, publication = fields.pop("manifest", None), fields.pop("publication", None)
    if manifest is not None:
        fields["digest"] = manifest.digest
    if publication is not None:
        names = ("number", "mode", "excluded")
        fields["publication"] = {name: getattr(publication, name) for name in names}
    return fields


def _markers(fields: Fields) -> Fields:
    """Where each points, and how far its staged move is."""
    return {"markers": {name: _marker(one) for name, one in fields.get("by", {}).items()}}


def _marker(marker: Marker) -> Fields:
    found: Fields = {"version": marker.version, "number": marker.number}
    if (rollout := marker.rollout) is not None:
        found["rollout"] = {"number": rollout.number, "state": rollout.state, "ring": rollout.ring}
    return found


WATCHED: dict[str, Watched] = {
    "image": Watched(
        lambda state: (type(state), state.life, state.shared, state.details.properties),
        frozenset({"updated", "open", "highest", "versions", "listed"}),
    ),
    "version": Watched(
        lambda state: (type(state), state.life),
        frozenset({"updated", "rank", "job", "import_job", "usable", "awaited", "delivering", "counted", "stepped"}),
        _version,
    ),
    "gallery": Watched(
        lambda state: state.revision, frozenset({"updated", "usage"}), about=lambda _, gallery: str(gallery.id)
    ),
    "tally": Watched(lambda state: state.quota, frozenset({"usage", "galleries"}), tenant=owner),
    "retentions": Watched(
        lambda state: {name: one.revision for name, one in state.by.items()}, frozenset({"highest"}), tenant=owner
    ),
    "markers": Watched(lambda state: _markers({"by": state.by}), shape=_markers, tenant=_of_image),
    "assignment": Watched(lambda state: (state.state, state.version), frozenset({"updated", "warnings", "job"})),
    "flavour": Watched(lambda state: state.flavour, frozenset({"images"}), tenant=owner),
    "certificate": Watched(lambda state: state.certificate, tenant=owner),
    "namespace": Watched(lambda state: state.namespace, tenant=owner),
}
"""By the kind's name in the store."""
