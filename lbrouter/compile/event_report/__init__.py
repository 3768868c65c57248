"""The page for the director after the event, and the same numbers as JSON."""
