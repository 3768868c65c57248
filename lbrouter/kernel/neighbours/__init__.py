"""The hosts beside us: the neighbour table, its size, next hops, and clients of another place."""
