"""What lbrouter saves between runs, and the lock."""
