"""Plans as text: each operation as a command with its reason."""

from collections.abc import Callable, Sequence
from typing import Final

from lbrouter.cli.output.change_report import NO_CHANGES_MESSAGE, OPERATION_PROMPT, ChangeReport
from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.screen_language import on_screen
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.state.commands import command_line
from lbrouter.daemon.applier import OperationReporter
from lbrouter.daemon.control.documents import change_document
from lbrouter.model.errors import ExitCode
from lbrouter.model.plan import Operation, Phase, Plan

MAX_COMMAND_WIDTH: Final = 100
"""Column of the reasons, at most: a longer command pushes its own reason out, no other's."""


class PlanFormatter:
    """Commands with their reasons as comments, which start in one column for each phase."""

    def __init__(self, operations: Sequence[Operation], *, prompt: str = "") -> None:
        self._widths: dict[Phase, int] = {}
        self._prompt = prompt
        for operation in operations:
            wide = max(map(len, _commands(operation)))
            self._widths[operation.phase] = max(
                self._widths.get(operation.phase, 0), min(wide, MAX_COMMAND_WIDTH)
            )

    def format_operation(self, operation: Operation) -> str:
        """One operation; a second command of it stands in a line of its own."""
        first, *more = _commands(operation)
        width = self._widths.get(operation.phase, 0)
        lines = [f"{first:<{width}}  # {on_screen(operation.reason)}", *more]
        return "\n".join(f"{self._prompt}{line}" for line in lines)


def print_plan(plan: Plan, settings: CommandSettings) -> int:
    """Print a plan that is not carried out; 2 when it holds changes."""
    if settings.json:
        print_json({"changes": [change_document(operation) for operation in plan.operations]})
    elif plan:
        column = PlanFormatter(plan.operations)
        print_line("\n".join(column.format_operation(operation) for operation in plan.operations))
    else:
        print_line(NO_CHANGES_MESSAGE)
    return ExitCode.CHANGES if plan else ExitCode.DONE


def operation_printer(report: ChangeReport) -> OperationReporter:
    """Tells `report` each operation of a plan before it is carried out."""

    def begin(plan: Plan) -> Callable[[Operation], None]:
        column = PlanFormatter(plan.operations, prompt=OPERATION_PROMPT)

        def tell(operation: Operation) -> None:
            report.add(change_document(operation), column.format_operation(operation))

        return tell

    return begin


def _commands(operation: Operation) -> list[str]:
    return command_line(operation).split("; ")
