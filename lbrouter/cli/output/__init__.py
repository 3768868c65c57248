"""Tables, colours and the screen of `status --watch`."""
