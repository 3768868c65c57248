"""The simulated venue: hosts, providers and impairments in namespaces."""
