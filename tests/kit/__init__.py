"""What the tests share: configurations, simulations and daemons under test."""
