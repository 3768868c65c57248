"""What the system says of a file or a socket: the usual words of it are in the catalogues."""

import errno
import os
from typing import Final

from lbrouter.model.messages.phrase import Phrase, as_phrase

USUAL_ERRNOS: Final = (
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EIO),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EDQUOT, errno.ENODEV, errno.ENETUNREACH),
    *(errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT),
)
"""Those that a person meets. Any other is told in the words of the system."""


def usual_os_errors() -> frozenset[str]:
    """The English words of these errors."""
    return frozenset(map(os.strerror, USUAL_ERRNOS))


def os_error_text(error: OSError) -> Phrase:
    """What the system says: "No such file or directory"."""
    return as_phrase(error.strerror or str(error))
