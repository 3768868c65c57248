"""Router advertisements, without their socket and clock: what was heard, and what of it counts."""
