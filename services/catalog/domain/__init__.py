"""The catalog's functional core: what images, versions, copies and jobs are, and what may happen to them."""
