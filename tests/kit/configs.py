"""Configurations of venues that several topology tests use."""

from tests.kit.gateway_daemon import FAST_HEALTH

FAILOVER_CONFIG = (
    FAST_HEALTH
    + """
[gateway]
name = "failover"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "backup"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]

[policies.backup]
mode = "failover"
uplinks = ["lte"]
"""
)

BALANCE_CONFIG = """
[gateway]
name = "balance"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
address6 = "2001:db8:2::2/64"
gateway6 = "2001:db8:2::1"

[vlans.guests]
port = "lan1"
address = "10.10.40.1/22"
address6 = "fd10:40::1/64"
policy = "spread"

[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }
sticky = "10m"
"""

PER_FLOW_CONFIG = BALANCE_CONFIG.replace('"10m"', '"0s"')

SHAPED_CONFIG = (
    FAST_HEALTH
    + """
[gateway]
name = "shaped"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "20mbit"
download = "20mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "10mbit"
download = "10mbit"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
priority = 1
upload = { guaranteed = "8mbit" }

[vlans.guests]
port = "lan2"
address = "10.10.40.1/22"
policy = "show"
upload = { guaranteed = "4mbit" }

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
"""
)

LIMIT_CONFIG = """
[gateway]
name = "limits"

[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
down_after = "5s"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "50mbit"
download = "50mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "20mbit"
download = "20mbit"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
manage = true

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "show"
upload = { guaranteed = "8mbit" }
download = { guaranteed = "2mbit" }

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
"""

TWIN_UPLINKS_CONFIG = """
[gateway]
name = "twins"

[uplinks.left]
interface = "wan1"
address = "192.0.2.2/24"
gateway = "192.0.2.1"

[uplinks.right]
interface = "wan2"
address = "192.0.2.2/24"
gateway = "192.0.2.1"

[vlans.desk]
port = "lan1"
address = "10.10.99.1/24"
policy = "each"

[policies.each]
mode = "balance"
weights = { left = 50, right = 50 }
sticky = "0s"
"""
