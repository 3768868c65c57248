"""What a flow gets, and why."""
