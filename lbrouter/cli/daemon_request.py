"""What only the daemon can keep: an operator's word on an uplink or a VLAN."""

from lbrouter.cli.output.render import print_success
from lbrouter.cli.settings import CommandSettings
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.errors import UnavailableError


async def send_operator_command(settings: CommandSettings, asked: Document, *, command: str) -> int:
    """Hand it to the daemon and print the answer. Raises UnavailableError where none runs."""
    handed = await client.ask(settings.runtime_dir, asked)
    if handed is None:
        raise UnavailableError(
            f"`{command}` needs the daemon, and none runs.",
            remedy="systemctl start lbrouter, or `lbrouter run`.",
        )
    return print_success(settings, handed["said"], handed)
