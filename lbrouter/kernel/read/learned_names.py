"""Names of the rules under which the gateway's resolver told a client an address."""

from lbrouter.compile.firewall.rule_matches import name_set, names_of_rules
from lbrouter.kernel.objects.nft import read_set
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import AddressFamily, IpAddress


def learned_names(config: Config, address: IpAddress) -> frozenset[str]:
    """The names whose set in the kernel holds `address` now. Raises LbrouterError."""
    family = AddressFamily.of_version(address.version)
    return frozenset(
        name
        for name in names_of_rules(config)
        if (str(address), "") in read_set(name_set(name, family))
    )
