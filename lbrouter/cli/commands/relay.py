"""`lbrouter relay setup`: the keys of a lane, and a cloud-init file for the machine at its far end.

With JSON: {"gateway_public_key", "relay_public_key", "port", "inside", "cloud_init"}.
"""

from typing import Annotated

import typer

from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_diagnostics, print_json, print_line
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.compile.relay.cloud_init import RelaySetup, relay_setup
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import ConfigError, ExitCode, UsageError
from lbrouter.model.messages.phrase import phrase
from lbrouter.services import lane_keys

relay = typer.Typer(
    name="relay",
    help="Set up the relay of a lane: the rented machine at its far end.",
    add_completion=False,
    no_args_is_help=True,
)


@relay.callback()
def _relay() -> None:
    """Set up the relay of a lane: the rented machine at its far end."""


@relay.command()
def setup(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A lane of the file.")],
    *,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make new keys; the old relay stops working.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Make the keys once, and print a cloud-init file for a fresh Debian 12 or 13 machine."""
    settings = settings_of(context, json=json)
    lane = _lane_named(load_config_file(settings).config, name)
    gateway_key, relay_key = lane_keys.make_keys(lane, settings.state_dir, rotate=rotate)
    made = relay_setup(lane, gateway_private_key=gateway_key, relay_private_key=relay_key)
    if lane.relay_key not in (None, made.relay_public_key):
        raise ConfigError(
            phrase("uplinks.{name}.relay_key is the key of another relay", name=name),
            remedy=phrase(
                'Remove that key, or write: relay_key = "{key}"', key=made.relay_public_key
            ),
        )
    if json or settings.json:
        print_json(
            {
                "gateway_public_key": made.gateway_public_key,
                "relay_public_key": made.relay_public_key,
                "port": made.port,
                "inside": made.inside,
                "cloud_init": made.cloud_init,
            }
        )
    else:
        print_line(made.cloud_init.rstrip())
        print_diagnostics("note", _next_steps(lane, made))
    return ExitCode.DONE


def _lane_named(config: Config, name: str) -> Uplink:
    lanes = {lane.name: lane for lane in config.lanes()}
    if name in lanes:
        return lanes[name]
    said = (
        phrase("uplinks.{name} is no lane.", name=name)
        if name in config.uplinks
        else phrase("uplinks.{name} is not in the file.", name=name)
    )
    known = ", ".join(lanes) or phrase('none; a lane has address = "lane"')
    raise UsageError(said, remedy=phrase("Lanes of the file: {lanes}", lanes=known))


def _next_steps(lane: Uplink, made: RelaySetup) -> tuple[str, ...]:
    """What the technician does with it."""
    steps = (
        "paste this as the user data (cloud-init) of a fresh Debian machine; it holds a secret",
        phrase("if the provider has a firewall, open UDP port {port} in it", port=made.port),
    )
    if lane.relay is not None:
        return steps
    place = f'relay = "ADDRESS:{made.port}"'
    write = phrase(
        "write the machine's address into [uplinks.{lane}]: {place}", lane=lane.name, place=place
    )
    return (*steps, write)
