"""What people see of markers."""

from catalog.domain.marker import Marker
from catalog.domain.rollout import Rollout
from contracts.views import MarkerView
from contracts.views.holdings import Moved, RolloutView


def marker_view(image: str, name: str, marker: Marker, *, frozen: bool = False) -> MarkerView:
    """A marker of image ``image`` (an id); ``frozen`` as `catalog.domain.marker.frozen` says."""
    return MarkerView(
        image=image,
        name=name,
        version=marker.version,
        number=marker.number,
        revision=marker.revision,
        frozen=frozen,
        assignments=len(marker.bound),
        history=tuple(
            Moved(version=move.version, number=move.number, at=move.at, actor=move.actor, rollback=move.rollback)
            for move in marker.history
        ),
        rollout=None if marker.rollout is None else rollout_view(marker.rollout),
    )


def rollout_view(rollout: Rollout) -> RolloutView:
    """A staged move; its rings are counted from 1 for people."""
    return RolloutView(
        version=rollout.version,
        number=rollout.number,
        ring=rollout.ring + 1,
        rings=len(rollout.rings),
        state=rollout.state,
        failed=rollout.failed,
        failure=rollout.failure,
    )
