"""What is asked of one client."""
