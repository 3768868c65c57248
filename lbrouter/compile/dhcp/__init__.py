"""The DHCP client of the uplinks without socket and clock (RFC 2131), and rogue servers. Pure."""
