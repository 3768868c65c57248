"""Objects of other programs in the gateway: they must stay as they are, whatever we do."""

from lbrouter.rehearsal.lab.hosts import GatewayHost

FOREIGN_SETUP_SCRIPT = """
ip link add foreign0 type veth peer name foreign1
ip link set foreign0 up
ip link set foreign1 up
ip address add 172.31.0.1/24 dev foreign0
ip rule add pref 100 fwmark 0x1/0xff lookup 99
ip route add 172.31.9.0/24 dev foreign0 table 99
tc qdisc add dev foreign0 root tbf rate 100mbit burst 100kb latency 50ms
nft -f - <<'END'
table inet foreign {
	set friends { type ipv4_addr; elements = { 172.31.0.7 }; }
	chain mine { type filter hook prerouting priority -10; ip saddr @friends accept; }
}
END
"""

STATE_COMMANDS = (
    "nft -s list table inet foreign",
    "ip -4 rule show pref 100",
    "ip -4 route show table 99",
    "ip -4 -o address show dev foreign0",
    "tc qdisc show dev foreign0",
)


class ForeignState:
    """Sets the foreign objects up when it is created, and keeps a snapshot of them."""

    def __init__(self, gateway: GatewayHost) -> None:
        self.gateway = gateway
        gateway.run_script(FOREIGN_SETUP_SCRIPT)
        self.before = self.snapshot()

    def snapshot(self) -> dict[str, str]:
        """Output of each command that shows them."""
        return {each: self.gateway.run(each.split()).stdout for each in STATE_COMMANDS}

    def changes(self) -> str:
        """What changed; the empty string when nothing did."""
        now = self.snapshot()
        changed = [each for each in STATE_COMMANDS if now[each] != self.before[each]]
        return f"foreign state was changed: {changed}" if changed else ""
