"""`lbrouter uplink add --usb`: from a port that the file does not have to the applied file.

The file is written only when it is right with the new section, and a copy of the old one is kept.
Where the apply is refused, the file is as before.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

from lbrouter.cli.apply_file import apply_file
from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.config.usb_uplink import free_name, unused_usb_ports, with_usb_uplink
from lbrouter.daemon.config_file import interfaces_or_none, parse_config
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError, UsageError
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.units import Duration
from lbrouter.model.validated_strings import InvalidValueError, parse_name
from lbrouter.system import atomic_file

COPY_SUFFIX: Final = ".before-"


def add_usb_uplink(
    settings: CommandSettings, *, name: str, interface: str, within: Duration | None
) -> int:
    """Add the line, and apply the file on trial. Raises LbrouterError, and changes nothing then."""
    file = load_config_file(settings)
    port = _usb_port(file.config, interface)
    called = _new_name(file.config, name)
    added = with_usb_uplink(file.text.decode("utf-8-sig"), file.config, called, port)
    parse_config(added.text.encode(), source=str(settings.config))
    copy = Path(f"{settings.config}{COPY_SUFFIX}{called}")
    atomic_file.replace(copy, file.text, durable=True)
    _replace(settings.config, added.text.encode())
    notes = [f"uplinks.{called} was written, on {port.name}; the file before it is {copy}"]
    if added.policies:
        notes.append(f"the last line of: {', '.join(added.policies)}")
    if added.left_out:
        notes.append(f"not in {', '.join(added.left_out)}, which has weights: add it there")
    print_diagnostics("note", notes)
    try:
        return asyncio.run(apply_file(settings, within))
    except LbrouterError:
        _replace(settings.config, file.text)
        print_diagnostics("note", [f"{settings.config} is as it was before"])
        raise


def _replace(path: Path, text: bytes) -> None:
    """Other text in a file that keeps its owner and its rights."""
    before = path.stat()
    atomic_file.replace(path, text, durable=True)
    path.chmod(before.st_mode & 0o7777)
    os.chown(path, before.st_uid, before.st_gid)


def _usb_port(config: Config, interface: str) -> InterfaceFacts:
    """The port by USB that is meant. Raises NotAppliedError or UsageError."""
    interfaces = interfaces_or_none()
    ports = {port.name: port for port in unused_usb_ports(config, interfaces)}
    if interface:
        if interface not in ports:
            known = ", ".join(ports) or "none"
            raise UsageError(f"{interface} is no free port by USB.", remedy=f"There are: {known}.")
        return ports[interface]
    if not ports:
        there = ", ".join(sorted(set(interfaces) - {"lo"}))
        raise NotAppliedError(
            "There is no port by USB that the file does not have.",
            remedy="Plug the phone in, and switch on USB tethering there. There are now: "
            f"{there or 'no interfaces'}.",
        )
    if len(ports) > 1:
        raise UsageError(
            f"Several ports by USB are free: {', '.join(ports)}.",
            remedy=f"Name one: --interface {next(iter(ports))}",
        )
    return next(iter(ports.values()))


def _new_name(config: Config, name: str) -> str:
    if not name:
        return free_name(config)
    try:
        parse_name(name)
    except InvalidValueError as refused:
        raise UsageError(f'"{name}" {refused.reason}.', remedy='Such as "phone".') from None
    if name in config.uplinks:
        raise UsageError(f"There is an uplink {name} already.", remedy="Choose another name.")
    return name
