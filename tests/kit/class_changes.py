"""Changes of a class tree: the steps, whether the kernel takes each, and what stands afterwards."""

from dataclasses import replace

from lbrouter.compile.shaping.htb import (
    HTB_MAJOR,
    QueueKind,
    classid,
    htb_class,
    htb_root,
    leaf_qdisc,
)
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import HtbClass, ManagedObject, Qdisc
from lbrouter.model.plan import Action, Operation, Phase

PORT = "port0"
ROOT = htb_root(PORT, "root")


def line(number: int, rate: int = 10_000_000) -> HtbClass:
    return htb_class(PORT, classid(uplink=number), rate=rate, why="line")


def share(number: int, parent: HtbClass, rate: int = 1_000_000) -> HtbClass:
    return htb_class(PORT, (HTB_MAJOR, number), parent=parent.classid, rate=rate, why="share")


def queue(of: HtbClass, line_rate: int = 1_000_000) -> Qdisc:
    return leaf_qdisc(of, line_rate=line_rate, queue=QueueKind.PFIFO)


ONE, TWO = line(1), line(2)
SHARE = share(7, ONE)
TREE = (ROOT, ONE, TWO, SHARE, queue(SHARE))

LONG_BURST = replace(line(3, 8_000), burst=274_001)
LONG_CEILING = replace(line(3, 8_000), cburst=274_001)
QUICK, FASTEST, SLOWEST = (line(1, rate) for rate in (1_200_000_000, 100_000_000_000, 8_000))

Step = tuple[ManagedObject | None, ManagedObject | None]
"""(new, old)."""

CLASS_CHANGES: dict[str, tuple[list[Step], list[bool], set[ManagedObject]]] = {
    # the steps, whether each is taken, and what stands afterwards
    "another parent is ignored": (
        [(share(7, TWO), SHARE)],
        [True],
        set(TREE),
    ),
    "an absent parent is the root": (
        [(share(8, line(3)), None)],
        [True],
        {*TREE, replace(share(8, ONE), parent=(HTB_MAJOR, 0))},
    ),
    "a class with a child is in use": ([(None, ONE)], [False], set(TREE)),
    "a child goes first": ([(None, SHARE), (None, ONE)], [True, True], {ROOT, TWO}),
    "a class takes its queue along": ([(None, SHARE)], [True], {ROOT, ONE, TWO}),
    "a queue goes, the class stays": ([(None, queue(SHARE))], [True], {ROOT, ONE, TWO, SHARE}),
    "a class with a child has no queue": ([(queue(ONE), None)], [False], set(TREE)),
    "a queue needs its class": ([(queue(share(9, ONE)), None)], [False], set(TREE)),
    "the first child takes the queue": (
        [(share(9, SHARE), None)],
        [True],
        {ROOT, ONE, TWO, SHARE, share(9, SHARE)},
    ),
    "the queue of a class with a child is gone": (
        [(share(9, SHARE), None), (None, queue(SHARE))],
        [True, True],
        {ROOT, ONE, TWO, SHARE, share(9, SHARE)},
    ),
    "a queue of another length": (
        [(queue(SHARE, 90_000_000), queue(SHARE))],
        [True],
        {ROOT, ONE, TWO, SHARE, queue(SHARE, 90_000_000)},
    ),
    "a root of ours is kept": ([(ROOT, None)], [True], set(TREE)),
    "the root takes all along": ([(None, ROOT)], [True], set()),
    "a class needs a root": ([(None, ROOT), (ONE, None)], [True, False], set()),
    "a root is made from nothing": (
        [(ROOT, replace(ROOT, options=(("default", "0x1"),))), (ONE, None)],
        [True, True],
        {ROOT, ONE},
    ),
    "what is gone is gone": (
        [(None, share(9, ONE)), (None, queue(share(9, ONE)))],
        [True, True],
        set(TREE),
    ),
    "the longest burst": (
        [(replace(line(3, 8_000), burst=274_000), None)],
        [True],
        {*TREE, replace(line(3, 8_000), burst=274_000)},
    ),
    "a burst that is too long": ([(LONG_BURST, None)], [False], set(TREE)),
    "a ceiling that is too long": ([(LONG_CEILING, None)], [False], set(TREE)),
    "up to 100 Gbit/s and down": (
        [(FASTEST, ONE), (QUICK, FASTEST), (SLOWEST, None)],
        [True, True, True],
        {*TREE, SLOWEST} - {ONE},
    ),
}  # fmt: skip


async def is_taken(kernel: Kernel, new: ManagedObject | None, old: ManagedObject | None) -> bool:
    """Whether the kernel takes this change."""
    verb = Action.REMOVE if new is None else Action.ADD if old is None else Action.CHANGE
    try:
        await kernel.execute(Operation(phase=Phase.CLASS, action=verb, new=new, old=old, reason=""))
    except NotAppliedError:
        return False
    return True
