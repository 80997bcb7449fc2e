"""The data plane: how a disk file becomes an index of chunks, and how chunks come from other pods, each verified."""
