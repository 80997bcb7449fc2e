"""A catalog in which versions are edited, marked and deleted: the words that the tests of their lives say to it."""

from typing import Any

import msgspec

from catalog.documents import GALLERY, IMAGE, MARKERS, USES, gallery_key
from catalog.domain.gallery import Gallery
from catalog.domain.image import Image
from catalog.domain.marker import Marker, Markers
from catalog.domain.uses import Use, Uses
from contracts.keeping import SoftDelete
from contracts.requests import (
    Actor,
    DeleteImage,
    DeleteVersion,
    EditVersion,
    RecordValidation,
    RestoreVersion,
    RetryJob,
    SetDeprecation,
    SetEnabled,
    SetProtection,
)
from core.catalog_world import ADA, World

OPS = Actor(tenant="acme", name="olga", roles=("operator",))
DAY = 86_400.0


class Lives(World):
    """A world in which the image ``base`` is where nothing else is said."""

    def edit(self, **changes: Any) -> Any:
        """Change version 1.0.0."""
        return self.patch(changes)

    def patch(
        self, changes: dict[str, Any], number: str = "1.0.0", *, image: str = "base", revision: int | None = None
    ) -> Any:
        return self.ask(
            EditVersion(id=self.command_id(), actor=ADA, image=image, number=number, changes=changes, revision=revision)
        )

    def enable(self, number: str | None = None, *, enabled: bool = True, image: str = "base", **given: Any) -> Any:
        given = {"actor": ADA, **given}
        return self.ask(SetEnabled(id=self.command_id(), image=image, number=number, enabled=enabled, **given))

    def disable(self, number: str | None = None, **given: Any) -> Any:
        return self.enable(number, enabled=False, **given)

    def protect(self, number: str | None = None, *, protected: bool = True, image: str = "base", **given: Any) -> Any:
        given = {"actor": ADA, **given}
        return self.ask(SetProtection(id=self.command_id(), image=image, number=number, protected=protected, **given))

    def deprecate(self, number: str | None = None, *, state: Any = "DEPRECATED", **given: Any) -> Any:
        given = {"actor": ADA, "image": "base", **given}
        return self.ask(SetDeprecation(id=self.command_id(), number=number, state=state, **given))

    def validate(self, number: str = "1.0.0", **given: Any) -> Any:
        given = {"kind": "boot", "status": "Succeeded", **given}
        return self.ask(RecordValidation(id=self.command_id(), actor=ADA, image="base", number=number, **given))

    def delete(self, number: str = "1.0.0", *, image: str = "base", bypass: bool = False, **given: Any) -> Any:
        given = {"actor": ADA, **given}
        return self.ask(
            DeleteVersion(id=self.command_id(), image=image, number=number, bypass_soft_delete=bypass, **given)
        )

    def restore(self, number: str = "1.0.0", actor: Actor = ADA) -> Any:
        return self.ask(RestoreVersion(id=self.command_id(), actor=actor, image="base", number=number))

    def delete_image(self, image: str = "base", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(DeleteImage(id=self.command_id(), actor=actor, image=image, **given))

    def retry(self, job: str, actor: Actor = ADA) -> Any:
        return self.ask(RetryJob(id=self.command_id(), actor=actor, job=job))

    def image(self, id: str) -> Image | None:
        return self.get(IMAGE, id)

    def gallery(self, name: str = "default") -> Gallery:
        found = self.get(GALLERY, gallery_key("acme", name))
        assert found is not None
        return found

    def softly(self, retention_days: int = 7, grace_days: int = 3) -> None:
        """From now on versions of the gallery ``default`` are deleted softly."""
        policy = SoftDelete(enabled=True, retention_days=retention_days, grace_days=grace_days)
        self._store("gallery", "acme/default", msgspec.structs.replace(self.gallery(), soft_delete=policy))

    def mark(self, image: str, version: str, name: str = "prod") -> None:
        """Let a marker name the version."""
        self._store(MARKERS.name, image, Markers(by={name: Marker(version=version, number="1.0.0", revision=1)}))

    def use(self, version: str, *pods: str, name: str = "call-centre") -> None:
        """Let an assignment on these pods use the version; none: nobody does any more."""
        by = {f"{'a' * 32}/{pod}": Use(name=name, seats=2, runs=True) for pod in pods}
        self._store(USES.name, version, Uses(by=by))

    def change_image(self, id: str, **details: Any) -> None:
        """Change the details of an image behind its back."""
        image = self.image(id)
        assert image is not None
        changed = msgspec.structs.replace(image, details=msgspec.structs.replace(image.details, **details))
        self._store(IMAGE.name, id, changed)

    def stage(self, version: str) -> str:
        """How far the version is on its way out; empty when it is not."""
        removal = self.version(version).life.removal
        return "" if removal is None else str(removal.stage)

    def _store(self, kind: str, id: str, state: Any) -> None:
        self.documents[kind, id] = msgspec.json.encode(state)
