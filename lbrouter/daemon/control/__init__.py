"""Requests to the daemon: commands that change something, queries that do not."""
