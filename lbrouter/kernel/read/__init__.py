"""Reads the kernel and the machine: facts, features, counters, tables."""
