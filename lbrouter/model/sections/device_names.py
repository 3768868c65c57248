"""The names of the devices that a line stands on: always the same, and short enough."""

from hashlib import sha256
from typing import Final

from lbrouter.model.validated_strings import OWN_DEVICE_PREFIX

PPP_DEVICE_PREFIX: Final = "ppp-"
LANE_DEVICE_PREFIX: Final = OWN_DEVICE_PREFIX
MAX_DEVICE_NAME_LENGTH: Final = 15
"""IFNAMSIZ without its closing zero."""
UNBOUND_PREFIX: Final = "none:"
"""How the name begins that stands for an interface that is not there. The kernel takes no colon in
a name, so no interface ever has it."""


def unbound_device_name(name: str) -> str:
    """What stands for the interface of the uplink `name` while that is not there."""
    return _device_name(UNBOUND_PREFIX, name)


def ppp_device_name(name: str) -> str:
    """The ppp device of the uplink `name`: always the same, and short enough for the kernel."""
    return _device_name(PPP_DEVICE_PREFIX, name)


def lane_device_name(name: str) -> str:
    """The WireGuard device of the lane `name`: always the same, and short enough for the kernel."""
    return _device_name(LANE_DEVICE_PREFIX, name)


def tagged_device_name(port: str, tag: int) -> str:
    """The VLAN device of a provider's `tag` on `port`: always the same, and short enough."""
    device = f"{port}.{tag}"
    if len(device) <= MAX_DEVICE_NAME_LENGTH:
        return device
    return f"{OWN_DEVICE_PREFIX}{tag}-{sha256(port.encode()).hexdigest()[:4]}"


def _device_name(prefix: str, name: str) -> str:
    device = f"{prefix}{name}"
    if len(device) <= MAX_DEVICE_NAME_LENGTH:
        return device
    digits = sha256(name.encode()).hexdigest()[:4]
    return f"{device[: MAX_DEVICE_NAME_LENGTH - 5]}-{digits}"
