"""Whether the kernel holds what it should, as `status` tells it: the key "kernel" of its document.

A daemon of an older release does not send the key; a kernel of which nothing is known is no alarm.
"""

from collections.abc import Mapping
from typing import Any, cast

from lbrouter.compile.report.status_types import Status


def unverified_kernel(status: Status) -> Mapping[str, Any] | None:
    """The key "kernel" where it says that something is wrong: `since` and `reason`; else None."""
    kernel = cast("Mapping[str, Any]", status).get("kernel")
    return kernel if isinstance(kernel, Mapping) and kernel.get("verified") is False else None
