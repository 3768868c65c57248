"""Names for the lines of a new file, from what is plugged in."""

from collections.abc import Iterable
from typing import Final

MODEM_DRIVERS: Final = frozenset(
    {"cdc_ether", "cdc_mbim", "cdc_ncm", "huawei_cdc_ncm", "qmi_wwan", "sierra_net", "mhi_net"}
)
"""USB sticks and built-in modems of mobile networks."""

PHONE_DRIVERS: Final = frozenset({"ipheth", "rndis_host"})
"""Telephones that share their line by a cable."""

NAMES_BY_PORT_PREFIX: Final = {"ww": "lte", "wl": "wifi"}
"""systemd's names: WWAN and wireless LAN."""


def line_names(ports: Iterable[tuple[str, str]]) -> list[str]:
    """A name for each (port, driver): what it is where the driver tells, else line1, line2, ...

    No name comes twice: the second modem is lte2.
    """
    names: list[str] = []
    for number, (port, driver) in enumerate(ports, 1):
        if driver in MODEM_DRIVERS:
            kind = "lte"
        elif driver in PHONE_DRIVERS:
            kind = "phone"
        else:
            kind = NAMES_BY_PORT_PREFIX.get(port[:2], "")
        if not kind:
            names.append(f"line{number}")
        else:
            before = sum(name.startswith(kind) for name in names)
            names.append(f"{kind}{before + 1}" if before else kind)
    return names
