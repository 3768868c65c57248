"""What a person reads: status, clients, incidents, alerts."""
