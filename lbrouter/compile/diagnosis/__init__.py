"""Why one client has no internet; whether the show may begin."""
