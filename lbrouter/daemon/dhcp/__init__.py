"""DHCP: the client on each uplink, and a watch over the pools of the VLANs."""
