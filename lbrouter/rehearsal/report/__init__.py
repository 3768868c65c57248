"""The report of a rehearsal: rows and tables."""
