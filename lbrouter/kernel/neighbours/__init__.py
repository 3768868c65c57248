"""The hosts beside us: the neighbour table, and the next hops in it."""
