"""What a pod is made of: one small protocol, and the backends that fill it."""
