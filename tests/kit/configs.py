"""Configurations of venues that several topology tests use."""

from tests.kit.config_text import (
    FIBER_IPV6,
    LTE_IPV6,
    failover_text,
    fiber,
    file_text,
    lte,
    rates,
    uplink_text,
    vlan_text,
)

SHOW = failover_text("show", "fiber", "lte")
STREAM = vlan_text("stream", "lan1", "10.10.10.1/24", "show")

FAILOVER_CONFIG = file_text(
    "failover",
    fiber(),
    lte(),
    STREAM,
    vlan_text("guests", "lan2", "10.10.40.1/24", "backup"),
    SHOW,
    failover_text("backup", "lte"),
)

BALANCE_CONFIG = file_text(
    "balance",
    fiber(FIBER_IPV6),
    lte(LTE_IPV6),
    vlan_text("guests", "lan1", "10.10.40.1/22", "spread", 'address6 = "fd10:40::1/64"'),
    """[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }
sticky = "10m"
""",
    health="",
)

PER_FLOW_CONFIG = BALANCE_CONFIG.replace('"10m"', '"0s"')

SHAPED_CONFIG = file_text(
    "shaped",
    fiber(rates(20)),
    lte(rates(10)),
    vlan_text(
        *("stream", "lan1", "10.10.10.1/24", "show"),
        "priority = 1",
        'upload = { guaranteed = "8mbit" }',
    ),
    vlan_text("guests", "lan2", "10.10.40.1/22", "show", 'upload = { guaranteed = "4mbit" }'),
    SHOW,
)

LIMIT_CONFIG = file_text(
    "limits",
    fiber(rates(50)),
    lte(rates(20)),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show", "manage = true"),
    vlan_text(
        *("guests", "lan2", "10.10.40.1/24", "show"),
        'upload = { guaranteed = "8mbit" }',
        'download = { guaranteed = "2mbit" }',
    ),
    SHOW,
    health="""
[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
down_after = "5s"
""",
)

TWIN_UPLINKS_CONFIG = file_text(
    "twins",
    uplink_text("left", "wan1", "192.0.2.2/24", "192.0.2.1"),
    uplink_text("right", "wan2", "192.0.2.2/24", "192.0.2.1"),
    vlan_text("desk", "lan1", "10.10.99.1/24", "each"),
    """[policies.each]
mode = "balance"
weights = { left = 50, right = 50 }
sticky = "0s"
""",
    health="",
)
