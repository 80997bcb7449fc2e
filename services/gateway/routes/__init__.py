"""The routes of the door: each checks the shape of what came, asks one service, and answers."""

from gateway.routes import events, health, images, jobs, pods, versions

HANDLERS = (
    *images.HANDLERS,
    *versions.HANDLERS,
    *pods.HANDLERS,
    *jobs.HANDLERS,
    *events.HANDLERS,
    *health.HANDLERS,
)

__all__ = ["HANDLERS"]
