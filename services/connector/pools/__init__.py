"""Desktop pools on a pod: what the hub wants of them is made so, and who uses them is told."""
