"""How large a configuration file may be: for the parser, the reader of the file, and the socket."""

from typing import Final

MAX_CONFIG_BYTES: Final = 1 << 20
"""A file of 4000 VLANs has 0.8 MB."""
