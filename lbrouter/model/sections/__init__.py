"""The sections of the configuration file, and the types of their fields."""
