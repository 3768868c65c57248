"""Programs that run by their path inside a host of a venue, on the standard library alone."""
