"""How a service runs: the only place that imports nats, faststream and aiosqlite."""
