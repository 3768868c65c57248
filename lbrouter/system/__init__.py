"""What the floors above need of the operating system: whole files, and HTTP over a socket."""
