"""The control socket: its server, its client and the words between them."""
