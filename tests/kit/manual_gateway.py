"""A gateway set up with ip and nft alone, to test the lab without lbrouter."""

from lbrouter.rehearsal.lab.venue import Venue

HAND_MADE_RULESET = """
table inet byhand {{
 chain decide {{ type filter hook prerouting priority mangle;
  iifname wan1 ct mark 0 ct mark set 1
  iifname wan2 ct mark 0 ct mark set 2
  iifname {inside} ct mark 0 ct mark set numgen inc mod 2 map {{ 0 : 1, 1 : 2 }}
  {mark}
 }}
 chain own {{ type route hook output priority mangle; meta mark set ct mark; }}
 chain translate {{ type nat hook postrouting priority srcnat; {nat} }}
}}
"""

RESTORE_MARK = "meta mark set ct mark"
SPLIT_FLOWS = "iifname {inside} meta mark set numgen inc mod 2 map {{ 0 : 1, 1 : 2 }}"
SYSCTLS = ("all/rp_filter=0", "default/rp_filter=0", "all/arp_ignore=1", "all/src_valid_mark=1")


def configure_by_hand(venue: Venue, *, mark: str = RESTORE_MARK, masquerade: bool = True) -> None:
    """Half of the flows by each of the first two uplinks, in a few lines of ip and nft."""
    batch = ["rule add priority 1 lookup main suppress_prefixlength 0"]
    for line in venue.layout.lines:
        batch.append(f"link set {line.interface} up")
        for leg in line.families:
            batch.append(f"address add {leg.address} dev {line.interface}")
            if leg.address.version == 4:
                way_out = f"via {leg.gateway} dev {line.interface} onlink table {line.number}"
                batch.append(f"route add default {way_out}")
                batch.append(f"route append default via {leg.gateway} dev {line.interface} onlink")
                batch.append(f"rule add priority 2 fwmark {line.number} lookup {line.number}")
    for segment in venue.layout.segments:
        batch.append(f"link set {segment.port} up")
        batch += [f"address add {each} dev {segment.port}" for each in segment.gateways]
    venue.gateway.check_output(["ip", "-batch", "-"], stdin="\n".join(batch) + "\n")
    inside = "{ " + ", ".join(segment.port for segment in venue.layout.segments) + " }"
    outside = "{ " + ", ".join(line.interface for line in venue.layout.lines) + " }"
    nat = f"oifname {outside} masquerade;" if masquerade else ""
    text = HAND_MADE_RULESET.format(inside=inside, mark=mark.format(inside=inside), nat=nat)
    venue.gateway.check_output(["nft", "-f", "-"], stdin=text)
    sets = [f"net/ipv4/conf/{each}".replace("=", " ") for each in SYSCTLS]
    sets += ["net/ipv4/ip_forward 1"]
    sets += [f"net/ipv4/conf/{line.interface}/rp_filter 0" for line in venue.layout.lines]
    lines = (f"echo {each.split()[1]} > /proc/sys/{each.split()[0]}" for each in sets)
    venue.gateway.run_script("\n".join(lines))
