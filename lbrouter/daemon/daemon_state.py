"""What the daemon holds at one moment, for those who only read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from lbrouter.compile.health import HealthState
from lbrouter.compile.report.status_types import KernelStatus
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.model.health import GatewayHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonState:
    """Published by the reconcile loop; it does not change any more.

    `file` is the one that the health belongs to, `applied` what was applied last: while another
    file is being applied, that of the file before. `since` says, by uplink, when its state began.
    """

    file: ConfigFile
    applied: AppliedState | None
    health: GatewayHealth
    health_state: HealthState
    since: Mapping[str, str]
    kernel: KernelStatus

    @property
    def in_force(self) -> AppliedState | None:
        """The applied state, of the file that the health belongs to; None while they differ."""
        applied = self.applied
        return applied if applied is not None and applied.file is self.file else None
