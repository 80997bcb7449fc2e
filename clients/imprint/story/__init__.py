"""What `imprint demo` shows: a real disk imported, published to three pods, changed, and published again."""
