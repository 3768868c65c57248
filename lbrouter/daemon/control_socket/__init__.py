"""The control socket: its server, its client and its protocol."""
