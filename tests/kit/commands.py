"""Commands that tests run: their result, and users without rights."""

import subprocess
import sys

from lbrouter.rehearsal.lab.hosts import package_env

WITHOUT_CAPABILITIES = ["setpriv", "--inh-caps", "-all", "--bounding-set", "-all"]
"""Before a command: root without any capability."""

AS_NOBODY = [*WITHOUT_CAPABILITIES, "--reuid", "65534", "--clear-groups"]
"""Before a command: another user, who may do nothing."""

INTERRUPTIBLE = ["env", "--default-signal=INT"]
"""Before a command that is interrupted: a shell ignores SIGINT for what it runs in the background,
and each program that this starts inherits it."""


def nobody_can_import_package() -> bool:
    """Whether another user can import this package: a checkout below /root is closed to others."""
    argv = [*AS_NOBODY, sys.executable, "-c", "import lbrouter.cli.main"]
    return subprocess.run(argv, capture_output=True, env=package_env(), check=False).returncode == 0


def require_success(done: subprocess.CompletedProcess[str]) -> str:
    """Standard output of a command that had to exit with 0."""
    assert done.returncode == 0, f"{done.args} exited with {done.returncode}:\n{done.stderr}"
    return done.stdout
