"""The hosts beside us: the neighbour table, its size and next hops."""
