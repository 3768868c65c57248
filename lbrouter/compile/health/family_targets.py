"""Which targets test which family of an uplink.

A target with an address tests the family of that address; one with a name tests any. Where the file
names none of a family, the same operators' resolvers in that family stand in (`ADDRESS_TWINS`).
These are not the operator's choice, so they are no proof by their silence: they count once one of
them has ever answered by any uplink.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.kernel_state import AddressFamily, IpAddress
from lbrouter.model.sections.targets import ProbeTarget

_TWIN_PAIRS: Final = tuple(
    (ip_address(four), ip_address(six))
    for four, six in (
        ("1.1.1.1", "2606:4700:4700::1111"),
        ("1.0.0.1", "2606:4700:4700::1001"),
        ("8.8.8.8", "2001:4860:4860::8888"),
        ("8.8.4.4", "2001:4860:4860::8844"),
        ("9.9.9.9", "2620:fe::fe"),
        ("149.112.112.112", "2620:fe::9"),
        ("208.67.222.222", "2620:119:35::35"),
        ("208.67.220.220", "2620:119:53::53"),
    )
)
ADDRESS_TWINS: Final[dict[IpAddress, IpAddress]] = {
    **dict(_TWIN_PAIRS),
    **{six: four for four, six in _TWIN_PAIRS},
}
"""Public resolvers: their address in the other family, as their operators publish it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyTargets:
    """The targets of one family. `implied`: the file does not name them for this family."""

    targets: tuple[ProbeTarget, ...]
    implied: bool


def uplink_families(uplink: Uplink) -> tuple[AddressFamily, ...]:
    """The families that the file gives an uplink; an external one may have both."""
    four = uplink.address is not None
    six = uplink.address6 is not None or uplink.addressing is Addressing.EXTERNAL
    return (*([AddressFamily.V4] if four else ()), *([AddressFamily.V6] if six else ()))


def targets_of(config: Config, uplink: Uplink, family: AddressFamily) -> FamilyTargets:
    """The targets that test `family` of `uplink`, in the order of the file."""
    everything = config.health_settings_of(uplink).targets
    alone = uplink_families(uplink) == (family,)
    with_names = alone or family is AddressFamily.V4
    named = tuple(each for each in everything if _tests(each, family, with_names=with_names))
    if named:
        return FamilyTargets(targets=named, implied=False)
    names = tuple(each for each in everything if each.address is None)
    twins = tuple(twin for each in everything if (twin := _twin(each)) is not None)
    if alone:  # nothing else can judge this line
        return FamilyTargets(targets=twins or everything, implied=False)
    return FamilyTargets(targets=(*names, *twins), implied=True)


def _tests(target: ProbeTarget, family: AddressFamily, *, with_names: bool) -> bool:
    if target.address is None:
        return with_names
    return target.address.version == family.version


def _twin(target: ProbeTarget) -> ProbeTarget | None:
    """The same question to the same operator in the other family."""
    known = None if target.address is None else ADDRESS_TWINS.get(target.address)
    return None if known is None else replace(target, host=str(known))
