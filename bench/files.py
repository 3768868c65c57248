"""Configuration files of a given size."""


def config_of_size(*, uplinks: int, vlans: int, rules: int = 0, shaped: bool = False) -> str:
    """A file with so many uplinks and VLANs on ports of their own, under one balance policy."""
    rates = 'upload = "50mbit"\ndownload = "100mbit"\n' if shaped else ""
    share = 'upload = { guaranteed = "1mbit" }\n' if shaped else ""
    lines = ['[gateway]\nname = "bench"\n']
    lines += [
        f'[uplinks.u{n}]\ninterface = "wan{n}"\naddress = "198.18.{n}.2/30"\n'
        f'gateway = "198.18.{n}.1"\n{rates}'
        for n in range(1, uplinks + 1)
    ]
    lines += [
        f'[vlans.v{n}]\nport = "lan{n}"\naddress = "10.20.{n}.1/24"\npolicy = "all"\n{share}'
        + ("manage = true\n" if n == 1 else "")
        for n in range(1, vlans + 1)
    ]
    names = ", ".join(f'"u{n}"' for n in range(1, uplinks + 1))
    lines += [f'[policies.all]\nmode = "balance"\nuplinks = [{names}]\n']
    lines += [f'[[rules]]\nto = "172.16.{n}.0/24"\npolicy = "all"\n' for n in range(1, rules + 1)]
    return "\n".join(lines)
