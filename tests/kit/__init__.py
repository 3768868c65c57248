"""What tests share: configurations, simulations, venues and daemons. README.md lists it."""
