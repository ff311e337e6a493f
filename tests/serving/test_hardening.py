"""Settings of the operating system for the process that serves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..waiting import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the settings exist on Linux only")

# Large blocks come and go while small ones stay, as in a service that runs for long: 400 MB are allocated and freed.
CHURN = """
import psutil
from aletheia.serving.hardening import return_freed_memory
{call}
before = psutil.Process().memory_info().rss
bytearray(30 << 20)  # raises glibc's threshold, so that it keeps blocks of this size from now on
kept, large = [], []
for _ in range(50):
    large.append(bytearray(8 << 20))
    kept.append(bytearray(100_000))
large.clear()
print((psutil.Process().memory_info().rss - before) >> 20)
"""


def growth_in_megabytes(call: str) -> int:
    # Dask, in other tests, leaves variables of glibc behind.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", CHURN.format(call=call)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)
    assert process.returncode == 0, process.stderr
    return int(process.stdout)


def test_return_freed_memory():
    assert growth_in_megabytes("return_freed_memory()") < 20
    assert growth_in_megabytes("") > 200  # else the line above would prove nothing


def test_forbid_inspection():
    code = "import ctypes\nfrom aletheia.serving.hardening import forbid_inspection\n"
    code += "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
    code += "before = get()\nforbid_inspection()\nprint(before, get())"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert process.stdout.split() == ["1", "0"]


@pytest.mark.parametrize(("limits", "expected"), [("90 5000", "5000"), ("190 190", "190"), ("90 90", "InputError")])
def test_reserve_files(limits, expected):
    """For one worker and a queue of 32: 64 + 6 + 33 x 3 = 169."""
    code = f"""
import resource
from aletheia.serving.config import ServeConfig
from aletheia.serving.hardening import reserve_files
resource.setrlimit(resource.RLIMIT_NOFILE, tuple(map(int, {limits.split()})))
try:
    reserve_files(ServeConfig(workers=1))
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except ValueError as error:
    print(type(error).__name__)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert process.stdout.strip() == expected, process.stderr
