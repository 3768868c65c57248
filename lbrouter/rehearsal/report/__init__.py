"""What a rehearsal prints."""
