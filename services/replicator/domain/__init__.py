"""The replicator's functional core: pods, placements and copies. No clock, no randomness, no I/O."""
