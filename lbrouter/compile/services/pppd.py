"""PPPoE lines: the options file and the process of each pppd. Pure.

`lbrouter.services` starts the process. What an option does is in pppd(8); why it is there is said
beside it in the text. The text holds the password: it is never shown or logged.
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import phrase

PPPD_SERVICE_PREFIX: Final = "pppd-"
"""Before an uplink's name: what its service is called."""

MAX_SECRET_BYTES: Final = 255
"""MAXSECRETLEN of pppd, without the closing zero."""

PPPD_HEADER: Final = """\
# Written by lbrouter from the configuration file: what is changed here is lost with the next apply.
# This process sees an empty /etc/ppp: the options and scripts there are not for it.

# The kernel's own PPPoE: no packet passes through this process.
plugin pppoe.so
"""

PPPOE_MTU: Final = 1492
"""What fits into an Ethernet frame (RFC 2516)."""

PPPD_SESSION_OPTIONS: Final = """\
# The provider proves nothing to us, and tells us our address.
noauth
noipdefault
# Routes and resolvers are lbrouter's, in tables of its own.
nodefaultroute
nodefaultroute6
# A session that ends is begun again, for ever. Not at once: a provider that has had enough of us
# locks the account.
persist
maxfail 0
holdoff 5
# Two tries, three and six seconds, then pppd reports that no server answers.
pppoe-padi-timeout 3
pppoe-padi-attempts 2
# A second opinion beside the probes: thirty seconds without an answer of the provider's end is the
# end of the session, so that a new one is begun.
lcp-echo-interval 10
lcp-echo-failure 3
# Of no use over Ethernet, and a source of quarrels.
noaccomp
nopcomp
noccp
novj
# Who is asked to end says goodbye once and goes: the provider may allow one session at a time.
lcp-max-terminate 1
lcp-restart 2
ip-up-script /bin/true
ip-down-script /bin/true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PppdPaths:
    """Where the files of one uplink's process are."""

    runtime_dir: PurePath
    device: str

    @property
    def options_file(self) -> PurePath:
        """The file with `options_text`; the process is found by the command line that names it."""
        return self.runtime_dir / f"{self.device}.options"

    @property
    def pid_file(self) -> PurePath:
        """Where its process id is written."""
        return self.runtime_dir / f"{self.device}.pid"

    @property
    def log_file(self) -> PurePath:
        """Its log."""
        return self.runtime_dir / f"{self.device}.log"


def pppoe_uplinks(config: Config) -> tuple[Uplink, ...]:
    """The uplinks that are PPPoE lines."""
    return tuple(u for u in config.uplinks.values() if u.addressing is Addressing.PPPOE)


def pppd_process(uplink: Uplink, paths: PppdPaths, secret: str) -> ManagedProcess:
    """The process that should run for `uplink`."""
    return ManagedProcess(
        name=f"{PPPD_SERVICE_PREFIX}{uplink.name}",
        argv=pppd_argv(paths),
        config_text=options_text(uplink, paths, secret),
        pid_file=str(paths.pid_file),
        why=phrase(
            "PPPoE of uplink {uplink} on {interface}",
            uplink=uplink.name,
            interface=uplink.interface,
        ),
    )


def pppd_argv(paths: PppdPaths) -> tuple[str, ...]:
    """Its command line, of its unit too."""
    return ("pppd", "file", str(paths.options_file))


def options_text(uplink: Uplink, paths: PppdPaths, secret: str) -> str:
    """The options. The same uplink, paths and password give the same text, to the byte."""
    own = (
        f"nic-{uplink.interface}\n",
        f"ifname {uplink.device}\n",
        f"logfile {paths.log_file}\n",
        f"user {_quote(uplink.username or '')}\n",
        f"password {_quote(secret)}\n",
        "+ipv6\n" if uplink.auto6 else "noipv6\n",
        # Eight bytes of each frame are PPPoE's (RFC 2516); RFC 4638 has 1500 on a larger frame.
        f"mtu {uplink.mtu or PPPOE_MTU}\n",
        f"mru {uplink.mtu or PPPOE_MTU}\n",
    )
    return "\n".join((PPPD_HEADER + "".join(own), PPPD_SESSION_OPTIONS))


def secret_error(secret: str) -> str:
    """What is wrong with a password, "" for one that pppd can use."""
    if not secret:
        return phrase("is empty")
    if len(secret.encode()) > MAX_SECRET_BYTES:
        return phrase("is longer than {most} bytes", most=MAX_SECRET_BYTES)
    if any(char < " " or char == "\x7f" for char in secret):
        return phrase("holds more than one line, or a control character")
    return ""


def _quote(word: str) -> str:
    """A word as pppd's files take it: within quotes only quotes and backslashes mean something."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
