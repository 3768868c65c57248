"""Operator overrides: drains, pins and temporary limits."""
