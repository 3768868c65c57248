"""`lbrouter plan`: what an apply would do, and why."""

from lbrouter.cli import context, effects
from lbrouter.cli.output.render import notes, show
from lbrouter.cli.settings import Settings
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.foreign_qdiscs import Roots
from lbrouter.kernel.backend import LinuxKernel


async def plan(settings: Settings) -> int:
    """Print the plan; exit code 2 when it holds changes."""
    file, judge = context.load(settings), await context.judge(settings)
    async with LinuxKernel() as kernel:
        here = context.machine(settings, kernel)
        found = await here.look(file.config, judge=judge)
    context.warn(file, found, here.store)
    notes("note: `apply` wants --take-over", found.in_the_way(file.config))
    found = found.with_roots(file.config, Roots.REPLACE)
    steps = diff(found.observed, found.desired(file.config))
    return show(effects.whole(steps, here.programs(file.config)), settings)
