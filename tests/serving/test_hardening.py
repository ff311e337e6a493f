"""What the system is told about the process that serves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there the system can be told")

# Large pictures come and go while small things stay, as in a service that runs for long: 400 MB are taken and given up.
CHURN = """
import psutil
from aletheia.serving.hardening import give_memory_back
{call}
before = psutil.Process().memory_info().rss
bytearray(30 << 20)  # glibc takes from this size that blocks so large come and go, and keeps them from now on
kept, large = [], []
for _ in range(50):
    large.append(bytearray(8 << 20))
    kept.append(bytearray(100_000))
large.clear()
print((psutil.Process().memory_info().rss - before) >> 20)
"""


def megabytes_kept(call: str) -> int:
    # Dask, in other tests, leaves variables of glibc behind.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", CHURN.format(call=call)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_of_large_pictures_goes_back_to_the_system():
    assert megabytes_kept("give_memory_back()") < 20
    assert megabytes_kept("") > 200  # else this shows nothing


def test_nobody_else_reads_the_memory_of_a_service_with_a_key():
    code = "import ctypes\nfrom aletheia.serving.hardening import keep_to_itself\n"
    code += (
        "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\nbefore = get()\nkeep_to_itself()\nprint(before, get())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["1", "0"]
