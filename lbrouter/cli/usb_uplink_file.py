"""`lbrouter uplink add --usb`: from a port that the file does not have to the applied file.

The file is written only when it is right with the new section, and a copy of the old one is kept.
Where the apply is refused, the file is as before.
"""

import os
from pathlib import Path
from typing import Final

from lbrouter.cli.apply_file import apply_file
from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.config.usb_uplink import free_name, unused_usb_ports, with_usb_uplink
from lbrouter.daemon.config_bytes import read_config
from lbrouter.daemon.config_file import interfaces_or_none, parse_config
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, NotAppliedError, UsageError
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.messages.phrase import as_phrase, phrase
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
    notes = [
        phrase(
            "uplinks.{name} was written, on {port}; the file before it is {copy}",
            name=called,
            port=port.name,
            copy=copy,
        )
    ]
    if added.policies:
        notes.append(phrase("the last line of: {policies}", policies=", ".join(added.policies)))
    if added.left_out:
        others = ", ".join(added.left_out)
        notes.append(phrase("not in {policies}, which has weights: add it there", policies=others))
    print_diagnostics("note", notes)
    try:
        return apply_file(settings, read_config(settings.config), str(settings.config), within)
    except LbrouterError:
        _replace(settings.config, file.text)
        said = phrase("{file} is as it was before", file=settings.config)
        print_diagnostics("note", [said])
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
            raise UsageError(
                phrase("{interface} is no free port by USB.", interface=interface),
                remedy=phrase("There are: {known}.", known=known),
            )
        return ports[interface]
    if not ports:
        there = ", ".join(sorted(set(interfaces) - {"lo"}))
        raise NotAppliedError(
            "There is no port by USB that the file does not have.",
            remedy=phrase(
                "Plug the phone in, and switch on USB tethering there. There are now: {there}.",
                there=there or phrase("none"),
            ),
        )
    if len(ports) > 1:
        raise UsageError(
            phrase("Several ports by USB are free: {ports}.", ports=", ".join(ports)),
            remedy=phrase("Name one: --interface {port}", port=next(iter(ports))),
        )
    return next(iter(ports.values()))


def _new_name(config: Config, name: str) -> str:
    if not name:
        return free_name(config)
    try:
        parse_name(name)
    except InvalidValueError as refused:
        said = phrase('"{name}" {reason}.', name=name, reason=as_phrase(refused.reason))
        raise UsageError(said, remedy='Such as "phone".') from None
    if name in config.uplinks:
        raise UsageError(
            phrase("There is an uplink {name} already.", name=name), remedy="Choose another name."
        )
    return name
