"""Configuration and logs of the programs that lbrouter runs: dnsmasq, pppd."""
