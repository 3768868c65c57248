"""What the project promises, measured: `make bench`. Ratios of pairs, medians, spread."""
