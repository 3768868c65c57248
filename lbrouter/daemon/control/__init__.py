"""What the daemon answers: commands that change something, queries that do not."""
