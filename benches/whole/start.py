"""The size of the program, and the time of its first answer."""

import os
import subprocess
import time
from statistics import median

from org import CONNECTOR
from process import MB, build, markdown

MOST_BYTES = 20 * MB
MOST_SECONDS = 0.020


def run(arguments) -> None:
    build("destination-salesforce")
    size = CONNECTOR.stat().st_size
    warm = [spec(is_cold=False) for _ in range(arguments.runs)]
    cold = [spec(is_cold=True) for _ in range(arguments.runs)]
    markdown(
        ["size of the program", "`spec`, a new process", "`spec`, after the program's pages were dropped"],
        [[f"{size / MB:.1f} MB", f"{median(warm) * 1000:.1f} ms", f"{median(cold) * 1000:.1f} ms"]],
    )
    if size > MOST_BYTES or median(warm) > MOST_SECONDS:
        raise SystemExit("that is more than the 20 MB or the 20 ms that it may be")


def spec(is_cold: bool) -> float:
    """The seconds from the start of a process to its end."""
    if is_cold:
        file = os.open(CONNECTOR, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    started = time.monotonic()
    subprocess.run([CONNECTOR, "spec"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started
