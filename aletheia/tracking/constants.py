"""Names and numbers on which the service and the processes that use it agree."""

from __future__ import annotations

SERVICE = "aletheia-tracking"
MLRUN_VERSION = "1.12.1"  # the release whose API the service speaks; clients compare it with their own

HOST = "127.0.0.1"

# Files in the home folder.
LOCK = "service.lock"  # held by the service for as long as it lives
STATE = "service.json"  # pid, start time, port and address of the service
DATABASE = "tracking.db"

# Names a process with which the service ends: that of tests, benchmarks, or a job on a shared machine.
WHILE_PID = "ALETHEIA_TRACKING_WHILE_PID"

# Exit codes of the service's process that tell its starter what went wrong.
EXIT_PORT_TAKEN = 81
EXIT_RUNNING = 82
EXIT_DATABASE = 83
