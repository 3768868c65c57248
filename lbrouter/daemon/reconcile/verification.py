"""`Verification`: whether the kernel holds what it should, since when, and why not."""

from lbrouter.compile.report.kernel_status import kernel_status
from lbrouter.compile.report.status_types import KernelStatus
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message

MAX_REASON_CHARS = 500


class Verification:
    """Tells the timeline (and so the alerts) when it begins and when it ends."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._since = utc_timestamp(precision="seconds")
        self._reason: str | None = None

    @property
    def status(self) -> KernelStatus:
        """The key "kernel" of the status document."""
        return kernel_status(since=self._since, reason=self._reason)

    def fail(self, reason: str) -> None:
        """A change was refused, or was read back wrong."""
        began = self._reason is None
        self._reason = reason if len(reason) <= MAX_REASON_CHARS else reason[:MAX_REASON_CHARS]
        if began:
            self._since = utc_timestamp(precision="seconds")
            self._journal.log(
                "trouble",
                message(EventCode.KERNEL_WRONG, error=self._reason),
                subject="kernel",
                verified=False,
            )

    def succeed(self) -> None:
        """What was observed is what was asked for."""
        if self._reason is None:
            return
        before, self._since, self._reason = self._since, utc_timestamp(precision="seconds"), None
        self._journal.log(
            "trouble",
            message(EventCode.KERNEL_RIGHT, since=before),
            subject="kernel",
            verified=True,
        )
