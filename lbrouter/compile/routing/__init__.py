"""Routes, rules and the balancing of new flows."""
