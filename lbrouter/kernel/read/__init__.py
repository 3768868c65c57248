"""What the kernel and the machine have: facts, features, counters, tables."""
