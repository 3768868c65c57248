"""What an operator asked for: drains, pins and temporary limits."""
