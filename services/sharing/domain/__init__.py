"""The functional core of sharing: what an offer of an image may go through."""
