"""The state that the kernel should hold, and the difference from what it holds."""
