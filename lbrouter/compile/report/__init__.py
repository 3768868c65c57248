"""Reports for people and programs: status, clients, incidents, alerts, translations."""
