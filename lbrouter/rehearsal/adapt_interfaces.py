"""Gives each line of a rehearsed copy a port of its own: the lab has no sticks and no tags of
providers.
"""

from lbrouter.model.config import Config, Uplink
from lbrouter.model.sections.device_names import MAX_DEVICE_NAME_LENGTH

LAB_PORT_PREFIX = "port-"


def with_lab_ports(config: Config) -> tuple[Config, list[str]]:
    """`config` with a named port for each line that has a MAC address, a path or a tag; notes."""
    uplinks: dict[str, Uplink] = {}
    notes = []
    taken = {uplink.interface for uplink in config.uplinks.values()}
    taken |= {vlan.port for vlan in config.vlans.values() if vlan.port is not None}
    for name, uplink in config.uplinks.items():
        uplinks[name] = uplink
        if uplink.vlan is None and uplink.choice is None and uplink.port == uplink.place:
            continue
        port = _free_name(name, taken)
        taken.add(port)
        bare = uplink.bind("").model_copy(update={"interface_": port, "vlan": None})
        uplinks[name] = bare
        asked = [] if uplink.choice is None else [str(uplink.choice)]
        asked += [] if uplink.vlan is None else [f"the tag {uplink.vlan}"]
        said = " and ".join(asked) or f"the interface {uplink.place}"
        notes.append(f"uplinks.{name}: {said} is rehearsed as a port of its own, {port}")
    return config.model_copy(update={"uplinks": uplinks}), notes


def _free_name(name: str, taken: set[str]) -> str:
    """A port's name that the file does not use."""
    base = f"{LAB_PORT_PREFIX}{name}"[: MAX_DEVICE_NAME_LENGTH - 2]
    names = (base, *(f"{base}{number}" for number in range(10, 100)))
    return next(each for each in names if each not in taken)
