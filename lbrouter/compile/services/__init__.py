"""Configuration and logs of the programs that run beside us."""
