"""Rates and the last minute of each uplink and VLAN."""
