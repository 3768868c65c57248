"""A line by USB for a file that does not have it: the port, its section, and who uses it."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.config.toml_edit import with_list_element, with_section
from lbrouter.compile.routing.interface_choices import (
    MAC_NAME_PATTERN,
    bound_config,
    named_ports,
    plugged_interfaces,
)
from lbrouter.model.config import Config, Policy
from lbrouter.model.facts import InterfaceFacts

USB_PATH_PART: Final = "-usb-"
USB_NAME_PATTERN: Final = "usb[0-9]+"
"""How the kernel names a phone where udev gives it no other name."""

DEFAULT_USB_NAME: Final = "phone"

Interfaces = Mapping[str, InterfaceFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedUplink:
    """The file with the line, the policies that use it now, and those that could not be changed."""

    text: str
    policies: tuple[str, ...]
    left_out: tuple[str, ...]


def unused_usb_ports(config: Config, interfaces: Interfaces) -> list[InterfaceFacts]:
    """The ports by USB that no section of the file uses."""
    bound = bound_config(config, interfaces)
    used = named_ports(config) | {uplink.port for uplink in bound.uplinks.values()}
    return [
        port for port in plugged_interfaces(interfaces) if port.name not in used and is_usb(port)
    ]


def is_usb(port: InterfaceFacts) -> bool:
    """Whether a port is plugged in by USB: by its path, or by its name."""
    patterns = (MAC_NAME_PATTERN, USB_NAME_PATTERN)
    named = any(re.fullmatch(pattern, port.name) for pattern in patterns)
    return USB_PATH_PART in port.path or named


def free_name(config: Config, wanted: str = DEFAULT_USB_NAME) -> str:
    """A name for an uplink that the file does not use: "phone", "phone2", ..."""
    names = (wanted, *(f"{wanted}{number}" for number in range(2, 100)))
    return next(name for name in names if name not in config.uplinks)


def with_usb_uplink(text: str, config: Config, name: str, port: InterfaceFacts) -> AddedUplink:
    """`text` with the line `name` on `port`, at the end of the lists of the policies.

    A line of the last resort: metered, and after all others. Raises NotAppliedError.
    """
    section = (
        f"interface = {_interface_words(port)}\n"
        'address = "dhcp"\n'
        "metered = true  # balance uses it only when no other line is healthy\n"
    )
    edited = with_section(text, ("uplinks", name), section)
    taking = [policy for policy in config.policies.values() if _takes_another(policy)]
    for policy in taking:
        edited = with_list_element(edited, ("policies", policy.name, "uplinks"), name)
    return AddedUplink(
        text=edited,
        policies=tuple(policy.name for policy in taking),
        left_out=tuple(_others(config, [policy.name for policy in taking])),
    )


def _takes_another(policy: Policy) -> bool:
    """Whether the policy's list can take a line at its end: weights would need one more number."""
    return not policy.weights and "uplinks" in policy.model_fields_set


def _others(config: Config, names: Collection[str]) -> Iterator[str]:
    return (name for name in config.policies if name not in names)


def _interface_words(port: InterfaceFacts) -> str:
    """By its path where that is known: a phone has another MAC address at each plug."""
    if port.path:
        return f'{{ path = "{port.path}" }}'
    if re.fullmatch(MAC_NAME_PATTERN, port.name) or not port.mac:
        return f'"{port.name}"'
    return f'{{ mac = "{port.mac}" }}'
