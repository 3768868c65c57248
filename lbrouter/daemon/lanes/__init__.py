"""The lanes while they run: their keys and relay as facts, the handshake, the name of the relay."""
