"""What a provider's line does to packets, beyond cable and black hole."""

from lbrouter.rehearsal.hosts import Isp


def lose(isp: Isp, *, percent: int) -> None:
    """Lose so many packets of a hundred each way, at random; 0 ends it."""
    isp.check(["nft", "add table inet lossy; delete table inet lossy"])
    if not percent:
        return
    luck = f"numgen random mod 100 < {percent} counter drop;"
    isp.check(
        ["nft", "-f", "-"],
        stdin="table inet lossy {\n"
        f'chain up {{ type filter hook prerouting priority -500; iifname "line" {luck} }}\n'
        f'chain down {{ type filter hook postrouting priority 500; oifname "line" {luck} }}\n}}\n',
    )


def refuse_probes(isp: Isp) -> None:
    """Let no echo request pass, and everything else."""
    isp.check(
        ["nft", "-f", "-"],
        stdin="table inet lossy { chain up { type filter hook prerouting priority -500;\n"
        'iifname "line" icmp type echo-request counter drop; }\n}\n',
    )
