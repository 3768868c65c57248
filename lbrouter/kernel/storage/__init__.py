"""Files that survive a crash, and the lock."""
