"""What is known of each uplink, and where it comes from."""
