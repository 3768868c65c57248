"""What the system says of a file or a socket: its usual words are in the catalogues."""

from typing import Final

from lbrouter.model.messages.phrase import Phrase, as_phrase, phrase

USUAL_OS_ERRORS: Final = (
    phrase("No such file or directory"),
    phrase("Permission denied"),
    phrase("Operation not permitted"),
    phrase("No space left on device"),
    phrase("Read-only file system"),
    phrase("Input/output error"),
    phrase("Not a directory"),
    phrase("Is a directory"),
    phrase("File exists"),
    phrase("Disk quota exceeded"),
    phrase("No such device"),
    phrase("Network is unreachable"),
    phrase("No route to host"),
    phrase("Connection refused"),
    phrase("Connection reset by peer"),
    phrase("Connection timed out"),
)
"""Those that a person meets, as the C library has them."""


def os_error_text(error: OSError) -> Phrase:
    """What the system says: "No such file or directory". Unusual words are told as they are."""
    return as_phrase(error.strerror or str(error))
