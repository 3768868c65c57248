"""Frames on a link: DHCP, ARP and router solicitations."""
