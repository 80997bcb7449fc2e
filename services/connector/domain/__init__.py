"""The functional core of a connector: what it is to do, and what it says of its pod."""
