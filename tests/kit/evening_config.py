"""The file of an evening, as its edits make it, and what it says about each policy.

Three lines: a and b of both families, c of IPv4 alone. Two VLANs, each with its own policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LINES = ("a", "b", "c")
VERSIONS = (4, 6)
VLANS = ("desk", "stream")
DUAL_LINES = frozenset({"a", "b"})

LINE_ADDRESSES = {
    "a": ("wan1", "203.0.113", "2001:db8:1"),
    "b": ("wan2", "198.51.100", "2001:db8:2"),
    "c": ("wan3", "192.0.2", ""),
}
VLAN_ADDRESSES = {
    "desk": ("lan1", "10.10.10.1/24", "fd10:10::1/64"),
    "stream": ("lan2", "10.10.40.1/24", "fd10:40::1/64"),
}
POLICY_ORDERS = {"show": ("a", "b", "c"), "spread": ("a", "b")}
RATES_MBIT = {"a": 50, "b": 30, "c": 20}
SHORT_STICKY = "5s"


@dataclass(slots=True)
class EveningConfig:
    """What the file says now; each edit changes one of these."""

    names: dict[str, str] = field(default_factory=lambda: {line: line for line in LINES})
    """The uplinks' names, by line."""
    order: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(POLICY_ORDERS))
    """The lines of each policy."""
    policy_of: dict[str, str] = field(default_factory=lambda: {"desk": "spread", "stream": "show"})
    rates: dict[str, int | None] = field(default_factory=lambda: dict(RATES_MBIT))
    """Mbit/s each way; None: the line is not shaped."""
    interval_ms: int = 100
    sticky: str = "0s"
    ceiling_mbit: int | None = None
    without: frozenset[str] = frozenset()
    """Lines that the file does not have."""
    four_only: frozenset[str] = frozenset()
    """Lines of both families of which the file has IPv4 alone."""

    def copy(self) -> "EveningConfig":
        """The same, to be changed by itself."""
        return replace(
            self,
            names=dict(self.names),
            order=dict(self.order),
            policy_of=dict(self.policy_of),
            rates=dict(self.rates),
        )

    def lines_of(self, vlan: str, version: int) -> list[str]:
        """The lines that may carry flows of a VLAN and family, in the order of its policy."""
        return [line for line in self.order[self.policy_of[vlan]] if self.has(line, version)]

    def has(self, line: str, version: int) -> bool:
        """Whether the file has this family of this line."""
        six = line in DUAL_LINES and line not in self.four_only
        return line not in self.without and (version == 4 or six)

    def text(self) -> str:
        """The file."""
        parts = ['[gateway]\nname = "evening"\n', f"[health]\ntargets = {_targets(4)}"]
        parts += [f'interval = "{self.interval_ms}ms"\ndown_after = "500ms"\nup_after = "300ms"\n']
        parts += [self._uplink(line) for line in LINES if line not in self.without]
        parts += [self._vlan(vlan) for vlan in VLANS]
        parts += [self._policy("show", "failover", 'tolerate = { loss = "2%" }')]
        parts += [self._policy("spread", "balance", f'sticky = "{self.sticky}"')]
        return "\n".join(parts)

    def _uplink(self, line: str) -> str:
        interface, four, six = LINE_ADDRESSES[line]
        rows = [
            f"[uplinks.{self.names[line]}]",
            f'interface = "{interface}"',
            f'address = "{four}.2/30"',
            f'gateway = "{four}.1"',
        ]
        if self.has(line, 6):
            rows += [f'address6 = "{six}::2/64"', f'gateway6 = "{six}::1"']
        if (rate := self.rates[line]) is not None:
            rows += [f'upload = "{rate}mbit"', f'download = "{rate}mbit"']
        if self.has(line, 6):
            both = _targets(4)[:-1] + ", " + _targets(6)[1:]
            rows += [f"[uplinks.{self.names[line]}.health]", f"targets = {both}"]
        return "\n".join([*rows, ""])

    def _vlan(self, vlan: str) -> str:
        port, four, six = VLAN_ADDRESSES[vlan]
        rows = [f"[vlans.{vlan}]", f'port = "{port}"', f'address = "{four}"']
        rows += [f'address6 = "{six}"', f'policy = "{self.policy_of[vlan]}"']
        if vlan == "desk":
            rows.append('upload = { guaranteed = "2mbit" }')
        elif self.ceiling_mbit is not None:
            rows.append(f'upload = {{ ceiling = "{self.ceiling_mbit}mbit" }}')
        return "\n".join([*rows, ""])

    def _policy(self, name: str, mode: str, more: str) -> str:
        lines = [self.names[line] for line in self.order[name] if line not in self.without]
        names = ", ".join(f'"{each}"' for each in lines)
        return f'[policies.{name}]\nmode = "{mode}"\nuplinks = [{names}]\n{more}\n'


def _targets(version: int) -> str:
    addresses: Mapping[int, str] = {
        4: '["icmp://8.8.8.8", "icmp://1.1.1.1"]',
        6: '["icmp://[2001:4860:4860::8888]", "icmp://[2606:4700:4700::1111]"]',
    }
    return addresses[version]
