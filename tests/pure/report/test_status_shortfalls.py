"""`status`, the timeline and the kernel's classes say the same of guarantees: any file, health,
limits.
"""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.report.status import status_document
from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.compile.shaping.build import IFB_DOWN
from lbrouter.compile.shaping.demand import bandwidth
from lbrouter.compile.shaping.htb import classid, whole_bytes_rate
from lbrouter.compile.shaping.overrides import VlanLimit, VlanLimits
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.machine_snapshot import AppliedState, MachineSnapshot
from lbrouter.daemon.reconcile.guarantee_changes import current_shortfalls
from lbrouter.model.config import Vlan
from lbrouter.model.direction import Direction
from lbrouter.model.facts import Allocation, Facts, ObserveScope
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily, KernelState
from lbrouter.model.units import Rate
from tests.kit.builders import TWO_LINES, facts_of, health_of
from tests.kit.random_files import TRUNK, machine_facts, random_file, random_health, random_limits
from tests.kit.status_documents import status_inputs

MBIT = 1_000_000
FEATURES = frozenset({"ifb", "u32", "htb", "fq_codel"})


def planned_of(file: ConfigFile, facts: Facts, limits: VlanLimits, **more: object) -> AppliedState:
    snapshot = MachineSnapshot(
        scope=ObserveScope(interfaces=frozenset(), sysctls=frozenset()),
        facts=facts,
        observed=KernelState(),
        baseline=KernelState(),
        allocation=allocate(file.config, Allocation()),
        health=health_of(file.config),
        limits=limits,
    )
    return replace(snapshot, **more).planned(file)


def shown(applied: AppliedState) -> dict[tuple[str, Direction], int]:
    """What `status --json` says is missing."""
    snapshot = applied.snapshot
    inputs = status_inputs(
        applied.file.config,
        facts=snapshot.facts,
        health=snapshot.health,
        allocation=snapshot.allocation,
        shortfalls=applied.shaping.shortfalls,
    )
    vlans = status_document(applied.file.config, inputs)["vlans"]
    return {
        key: missing
        for name, each in vlans.items()
        for key, missing in (
            ((name, Direction.UPLOAD), each["short_upload_bps"]),
            ((name, Direction.DOWNLOAD), each["short_download_bps"]),
        )
        if missing
    }


def lacking(applied: AppliedState, vlan: Vlan, direction: Direction) -> int:
    """What the kernel's classes lack of the VLAN's guarantee, its limit taken into account."""
    config, snapshot, classes = applied.file.config, applied.snapshot, applied.state.classes
    share, limit = bandwidth(vlan, direction), snapshot.limits.get(vlan.name, VlanLimit())
    wanted = Rate(0) if share is None else share.guaranteed
    cap = limit.upload if direction is Direction.UPLOAD else limit.download
    rates = {(each.interface, each.classid): each.rate for each in classes}
    policy = config.policies[vlan.policy]
    active = select_uplinks(config, policy, snapshot.health, AddressFamily.V4, snapshot.facts)
    if not limits_line(applied, direction):
        return 0
    held = 0
    for each in active:
        numbers = snapshot.allocation
        minor = classid(uplink=numbers.uplinks[each.uplink], vlan=numbers.vlans[vlan.name])
        place = config.uplinks[each.uplink].device
        if direction is Direction.DOWNLOAD:
            place = meeting_place(applied, vlan)
        if (place, minor) not in rates:  # a line without a rate in the file: nothing is divided
            return 0
        held += rates[place, minor]
    return max(0, whole_bytes_rate(min(wanted, cap) if cap is not None else wanted) - held)


def limits_line(applied: AppliedState, direction: Direction) -> bool:
    """Whether any line of the file has a rate in this direction: else there are no guarantees."""
    uplinks = applied.file.config.uplinks.values()
    rates = (u.upload if direction is Direction.UPLOAD else u.download for u in uplinks)
    return any(rate is not None for rate in rates)


def meeting_place(applied: AppliedState, vlan: Vlan) -> str:
    """Where the downloads of all lines are divided."""
    places = {each.interface for each in applied.state.classes}
    first = [name for name in (IFB_DOWN, TRUNK) if name in places]
    return first[0] if first else applied.file.config.vlan_device(vlan)


@settings(deadline=None, max_examples=60)
@given(st.integers(0))
def test_what_is_short_is_what_the_classes_lack(seed: int) -> None:
    random = Random(seed)
    file = parse_config(random_file(random).encode(), source="walk.toml")
    config = file.config
    applied = planned_of(
        file,
        machine_facts(FEATURES),
        random_limits(random, config),
        health=random_health(random, config),
    )
    wanted = {
        (name, direction): missing
        for name, vlan in config.vlans.items()
        for direction in Direction
        if (missing := lacking(applied, vlan, direction))
    }
    assert shown(applied) == wanted
    told = current_shortfalls(applied).values()
    assert {(each.vlan, each.direction) for each in told} == set(wanted)


def test_a_limit_below_the_guarantee_leaves_nothing_short() -> None:
    """fiber is down, lte carries too little for the guarantee, but enough for the limit."""
    file = parse_config(TWO_LINES.encode(), source="file")
    down = health_of(file.config, fiber=UplinkState.DOWN)
    narrow = parse_config(TWO_LINES.replace("20mbit", "5mbit").encode(), source="file")
    limits = {name: VlanLimit(upload=Rate(MBIT), download=Rate(MBIT)) for name in file.config.vlans}
    short, limited = (
        shown(planned_of(narrow, facts_of(narrow.config), found, health=down))
        for found in ({}, limits)
    )
    assert short
    assert limited == {}
