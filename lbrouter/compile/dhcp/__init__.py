"""The DHCP client of the uplinks, without its socket and its clock: RFC 2131, pure."""
