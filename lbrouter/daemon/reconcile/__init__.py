"""The loop that brings the kernel to the desired state."""
