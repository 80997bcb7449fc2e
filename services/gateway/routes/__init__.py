"""The routes of the door: each checks the shape of what came, asks one service, and answers."""

from gateway.routes import events, exports, health, images, jobs, pods, uploads, versions

HANDLERS = (
    *images.HANDLERS,
    *versions.HANDLERS,
    *exports.HANDLERS,
    *uploads.HANDLERS,
    *pods.HANDLERS,
    *jobs.HANDLERS,
    *events.HANDLERS,
    *health.HANDLERS,
)

__all__ = ["HANDLERS"]
