"""A module for each kind of kernel object: observed, created, changed, deleted."""
