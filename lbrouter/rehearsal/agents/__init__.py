"""Programs that run inside the namespaces: clients, servers, load."""
