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
        kind = _kind(port, driver)
        names.append(_unused(kind, names) if kind else f"line{number}")
    return names


def _kind(port: str, driver: str) -> str:
    if driver in MODEM_DRIVERS:
        return "lte"
    if driver in PHONE_DRIVERS:
        return "phone"
    return NAMES_BY_PORT_PREFIX.get(port[:2], "")


def _unused(kind: str, names: list[str]) -> str:
    number = sum(each.startswith(kind) for each in names) + 1
    return kind if number == 1 else f"{kind}{number}"
