"""Analysis of a rehearsal: what is expected, and what the records of the flows show. Pure."""
