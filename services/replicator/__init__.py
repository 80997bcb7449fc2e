"""The replicator service."""
