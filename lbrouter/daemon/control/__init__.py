"""The control socket: its server, its client, commands and queries."""
