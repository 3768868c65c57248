"""`lbrouter plan`: what an apply would do, and why."""

from lbrouter.cli import services, session
from lbrouter.cli.render import notes, show
from lbrouter.cli.settings import Settings
from lbrouter.compile.diff import diff
from lbrouter.compile.takeover import Roots
from lbrouter.kernel.linux import LinuxKernel


async def plan(settings: Settings) -> int:
    """Print the plan; exit code 2 when it holds changes."""
    file, judge = session.load(settings), await session.judge(settings)
    async with LinuxKernel() as kernel:
        here = session.machine(settings, kernel)
        found = await here.look(file.config, judge=judge)
    session.warn(file, found, here.store)
    notes("note: `apply` wants --take-over", found.in_the_way(file.config))
    found = found.with_roots(file.config, Roots.REPLACE)
    steps = diff(found.observed, found.desired(file.config))
    return show(services.whole(steps, here.programs(file.config)), settings)
