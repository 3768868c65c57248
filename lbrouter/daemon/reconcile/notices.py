"""What an announcement of the kernel means to us: an event of an uplink, a reason to reconcile."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.kernel.read.monitor import Notice, NoticeKind
from lbrouter.model.config import Config, Uplink
from lbrouter.model.events import AddressingChanged, CarrierChanged, HealthEvent
from lbrouter.model.messages.codes import AddressCode
from lbrouter.model.messages.message import message

PER_INTERFACE_NOTICES: Final = frozenset(
    {NoticeKind.LINK, NoticeKind.ADDRESS, NoticeKind.QDISC, NoticeKind.SETTING}
)


def concerns_us(notice: Notice, config: Config, applied: AppliedState | None) -> bool:
    """Whether a notice may be about what is ours: containers that start by the hundred are not.

    Routes, rules and the table were chosen by what is ours already.
    """
    if applied is None or notice.kind not in PER_INTERFACE_NOTICES:
        return True
    ours = {device.name for device in applied.state.devices}
    devices = {uplink.device for uplink in config.uplinks.values()}
    named = {*applied.snapshot.scope.interfaces, *interfaces_of(config)}
    return notice.interface in {"", "all", "default", *named, *ours, *devices}


def uplink_events(
    uplink: Uplink, notice: Notice, now: float, *, addressed: bool
) -> Iterator[HealthEvent]:
    """What a notice of a link means to an uplink: its carrier, or the end of its session.

    A session that is still being set up has a device already; its failure ends no session.
    """
    up = notice.exists and notice.carrier
    if uplink.is_lane:
        return
    if notice.interface == uplink.interface:
        yield CarrierChanged(at=now, uplink=uplink.name, up=up, present=notice.exists)
    elif notice.interface == uplink.device and addressed and not up:
        reason = message(AddressCode.SESSION_ENDED, interface=uplink.interface)
        yield AddressingChanged(at=now, uplink=uplink.name, ready=False, reason=reason)
