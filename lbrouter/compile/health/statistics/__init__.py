"""Arithmetic of the health: windows of probes, the test of loss, the damping of returns."""
