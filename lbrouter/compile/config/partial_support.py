"""Keys of a correct file that lbrouter supports only in part: each gets a warning."""

from dataclasses import dataclass

from lbrouter.compile.services.dnsmasq import SLAAC_PREFIX_LENGTH
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialSupport:
    """A key of the file, why it is supported in part, and what to write instead."""

    key_path: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return phrase("{key}: {why}; {remedy}", key=self.key_path, why=self.why, remedy=self.remedy)


def partially_supported(config: Config) -> tuple[PartialSupport, ...]:
    """Keys that work in part: `apply` goes on and says what is missing."""
    return tuple(
        PartialSupport(
            key_path=f"vlans.{name}.address6",
            why=phrase(
                "clients form addresses by themselves under a /{length} alone",
                length=SLAAC_PREFIX_LENGTH,
            ),
            remedy=phrase(
                "write a /{length}, or give the clients fixed IPv6 addresses",
                length=SLAAC_PREFIX_LENGTH,
            ),
        )
        for name, vlan in config.vlans.items()
        if vlan.address6 is not None and vlan.address6.network.prefixlen != SLAAC_PREFIX_LENGTH
    )
