"""Commit-confirm: an applied file that is undone unless it is confirmed in time."""
