"""Files (TOML) put together from sections: the two lines that most venues have, VLANs, policies."""

import json

FAST_HEALTH = """
[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
interval = "100ms"
down_after = "600ms"
up_after = "1s"
"""


def file_text(name: str, *sections: str, health: str = FAST_HEALTH) -> str:
    """The text of a file whose gateway has this name."""
    return "\n".join([health, f'[gateway]\nname = "{name}"\n', *sections])


def uplink_text(name: str, interface: str, address: str, gateway: str, *more: str) -> str:
    """The section of an uplink with a static address; `more` are further lines."""
    addressing = f'interface = "{interface}"\naddress = "{address}"\ngateway = "{gateway}"\n'
    return f"[uplinks.{name}]\n{addressing}" + "".join(f"{line}\n" for line in more)


def fiber(*more: str) -> str:
    """The first line of a venue, on wan1."""
    return uplink_text("fiber", "wan1", "203.0.113.2/30", "203.0.113.1", *more)


def lte(*more: str) -> str:
    """The second line of a venue, on wan2."""
    return uplink_text("lte", "wan2", "198.51.100.2/30", "198.51.100.1", *more)


FIBER_IPV6 = 'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"'
LTE_IPV6 = 'address6 = "2001:db8:2::2/64"\ngateway6 = "2001:db8:2::1"'


def rates(mbit: int) -> str:
    """What a line carries, in Mbit/s each way."""
    return f'upload = "{mbit}mbit"\ndownload = "{mbit}mbit"'


def vlan_text(name: str, port: str, address: str, policy: str, *more: str) -> str:
    """The section of a VLAN on a port of its own."""
    head = f'[vlans.{name}]\nport = "{port}"\naddress = "{address}"\npolicy = "{policy}"\n'
    return head + "".join(f"{line}\n" for line in more)


def failover_text(name: str, *uplinks: str) -> str:
    """The section of a failover policy; the first uplink is preferred."""
    return f'[policies.{name}]\nmode = "failover"\nuplinks = {json.dumps(uplinks)}\n'
