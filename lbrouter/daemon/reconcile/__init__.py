"""The loop that makes the kernel hold what it should."""
