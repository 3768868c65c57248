"""Standard error whose reader stands still delays no caller, and what is lost there is counted."""

import subprocess
import sys

PROGRAM = """
import sys, time
from lbrouter.daemon.events.stderr_log import MAX_WAITING_LINES, StderrLog
log, begun = StderrLog(), time.monotonic()
for number in range(3 * MAX_WAITING_LINES):
    log.write(f"line {number} " + 200 * "x")
print(time.monotonic() - begun, flush=True)
sys.stdin.readline()
log.write("the last one")
log.close(within_s=30)
"""


def test_a_reader_that_stands_still_delays_no_line_and_the_process_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        assert job.stdin is not None
        assert job.stdout is not None
        assert job.stderr is not None
        took_s = float(job.stdout.readline())  # the pipe holds 64 KiB, and nothing is read yet
        assert took_s < 5
        lines = [job.stderr.readline() for _ in range(600)]
        assert any(line.startswith("line 0 ") for line in lines[:2])
        job.stdin.write("\n")
        job.stdin.flush()
        lines += job.stderr.read().splitlines()
        assert job.wait(30) == 0
    told = [line.strip() for line in lines if line.startswith("trouble: ")]
    assert told[0].endswith("lines were dropped here; `lbrouter events` has them")
    assert lines[-1].startswith("the last one")


def test_a_reader_that_never_comes_back_does_not_keep_the_process() -> None:
    program = PROGRAM.replace("within_s=30", "within_s=0.2")
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as job:
        assert job.wait(30) == 0
