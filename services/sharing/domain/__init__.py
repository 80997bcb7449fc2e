"""The functional core of sharing: what offers, answers, shared galleries and grants may go through."""
