"""What the services say to each other: events, requests, errors, manifests, topology.

Depends on msgspec and the standard library only, so that any program can speak with Imprint by installing nothing else.
"""
