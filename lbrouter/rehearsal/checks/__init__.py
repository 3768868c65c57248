"""What a rehearsal does, in order."""
