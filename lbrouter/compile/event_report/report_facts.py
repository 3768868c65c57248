"""What a report is made of: events, samples and the list of configurations, of one span of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from lbrouter.model.timeline import TimelineEvent


class ConfigStep(TypedDict):
    """A file that was applied, refused or undone in that time."""

    at: str
    by: str
    source: str
    digest: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySample:
    """How an uplink was doing at one moment."""

    at: str
    uplink: str
    rtt_ms: float | None
    loss_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficAmount:
    """What an uplink or a VLAN carried up to `at`, over `seconds`; peaks of single seconds.

    Upload is what clients send to the internet, on uplinks and on VLANs alike.
    """

    at: str
    kind: str
    name: str
    seconds: float
    upload_bytes: int
    download_bytes: int
    peak_upload_bps: int
    peak_download_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """The span from `begin` to `end` (with zones). `events` reach back before it, oldest first:
    what held at the begin is in them. `uplinks`, `policies`, `vlans` are names of the file.
    """

    gateway: str
    version: str
    begin: datetime
    end: datetime
    uplinks: Sequence[str]
    policies: Sequence[str]
    vlans: Sequence[str]
    guaranteed: Sequence[str] = ()
    """VLANs with a guarantee."""
    events: Sequence[TimelineEvent] = ()
    quality: Sequence[QualitySample] = ()
    traffic: Sequence[TrafficAmount] = ()
    configs: Sequence[ConfigStep] = ()
    digest: str = ""
