"""What is told where a confirmation or a rollback finds no change that waits."""

from typing import Final

NOTHING_PENDING: Final = "Nothing waits for confirmation."
