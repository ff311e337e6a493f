"""The number of processors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aletheia.core.cores import cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no processor affinity")
def test_cores_follow_the_affinity():
    assert cores() == len(os.sched_getaffinity(0))
    code = (
        "import os\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from aletheia.core.cores import cores\n"
        "print(cores())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
