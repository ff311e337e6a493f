"""The process of the service."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aletheia.tracking import constants, server


def run(home: Path, port: int = 0) -> subprocess.CompletedProcess:
    """Start the service where it cannot run; it ends at once."""
    command = [sys.executable, "-m", "aletheia.tracking.server", "--home", home, "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_bind_takes_a_port_once():
    with server.bind(0) as listener:
        host, port = listener.getsockname()
        assert host == constants.HOST
        with pytest.raises(OSError) as caught:
            server.bind(port)
    assert caught.value.errno == errno.EADDRINUSE
    server.bind(port).close()


def test_write_state_names_this_process(tmp_path: Path):
    server.write_state(tmp_path, 1234)
    state = json.loads((tmp_path / "service.json").read_text())
    started = psutil.Process().create_time()
    assert state == {"pid": os.getpid(), "started": started, "port": 1234, "url": "http://127.0.0.1:1234"}
    assert [file.name for file in tmp_path.iterdir()] == ["service.json"]


def test_main_port_taken(tmp_path: Path):
    with socket.create_server((constants.HOST, 0)) as other:
        process = run(tmp_path, other.getsockname()[1])
    assert process.returncode == constants.EXIT_PORT_TAKEN
    assert "Port" in process.stderr


def test_main_database_of_another_program(tmp_path: Path):
    (tmp_path / constants.DATABASE).write_bytes(b"no database, only text of some length" * 40)
    process = run(tmp_path)
    assert process.returncode == constants.EXIT_DATABASE
    assert str(tmp_path / constants.DATABASE) in process.stderr
