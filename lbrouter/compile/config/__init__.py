"""The configuration file: parsed, decoded, checked, explained."""
