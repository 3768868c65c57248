"""The far end of a lane: its keys, and the machine that it runs on. Pure."""
