"""What a rehearsal expected, beside what it saw."""
