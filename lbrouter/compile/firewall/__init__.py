"""The ruleset and the elements of its sets and maps."""
