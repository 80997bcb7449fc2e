"""The functional core of the directory: what belongs to what, and who may do how much."""
