"""lbrouter: an event gateway on plain Debian: policy routing, nftables, HTB, failover."""

__version__ = "0.1.0"
