"""What strangers send, decoded: DHCP, ICMP errors, DNS answers, HTTP answers. Never trusted."""
