"""The checks of a rehearsal, in order."""
