"""HTB trees: demand, guarantees, placement and the order of changes."""
