"""Netlink sockets: requests, dumps and the monitor."""
