"""The routes of the door: each checks the shape of what came, asks one service, and answers."""

from gateway.routes import (
    copies,
    events,
    exports,
    fleet,
    health,
    images,
    jobs,
    metrics,
    placements,
    pods,
    policies,
    publishing,
    uploads,
    versions,
    webhooks,
)

HANDLERS = (
    *images.HANDLERS,
    *versions.HANDLERS,
    *publishing.HANDLERS,
    *placements.HANDLERS,
    *copies.HANDLERS,
    *policies.HANDLERS,
    *exports.HANDLERS,
    *uploads.HANDLERS,
    *pods.HANDLERS,
    *fleet.HANDLERS,
    *jobs.HANDLERS,
    *events.HANDLERS,
    *webhooks.HANDLERS,
    *health.HANDLERS,
    *metrics.HANDLERS,
)

__all__ = ["HANDLERS"]
