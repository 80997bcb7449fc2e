"""The `imprint` command and the Python client it is made of."""
