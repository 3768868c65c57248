"""`lbrouter plan`: what an apply would do, and why."""

from lbrouter.cli import context, effects
from lbrouter.cli.output.render import print_diagnostics, print_plan
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel


async def plan(settings: CommandSettings) -> int:
    """Print the plan; exit code 2 when it holds changes."""
    file, judge = context.load_config_file(settings), await context.health_source(settings)
    async with LinuxKernel() as kernel:
        here = context.build_applier(settings, kernel)
        found = await here.observe(file.config, health_source=judge)
    context.print_warnings(file, found, here.store)
    print_diagnostics("note: `apply` wants --take-over", found.foreign_qdisc_warnings(file.config))
    found = found.with_foreign_qdisc_policy(file.config, ForeignQdiscPolicy.REPLACE)
    steps = diff(found.observed, found.desired(file.config))
    return print_plan(effects.combined_plan(steps, here.services_plan(file.config)), settings)
