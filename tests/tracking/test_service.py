"""Starting, finding and stopping the service, and its cost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from aletheia.core.errors import InputError
from aletheia.tracking import constants, service

from ..waiting import free_port


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    service.stop(tmp_path / "home")


@pytest.mark.slow
def test_start_is_quick_and_small(home: Path) -> None:
    running = service.start(home, port=0)
    spent = psutil.Process(running.pid).cpu_times()
    assert spent.user + spent.system < 3
    with httpx.Client(base_url=running.url, trust_env=False, timeout=120) as client:
        client.post("/api/v1/projects", json={"metadata": {"name": "p"}})
        for index in range(200):
            body = {"metadata": {"name": f"n{index}"}, "spec": {"parameters": {"text": "x" * 5_000}}}
            client.post(f"/api/v1/projects/p/runs/u{index}", json=body).raise_for_status()
        for _ in range(5):
            assert len(client.get("/api/v1/projects/p/runs").json()["runs"]) == 200
    assert psutil.Process(running.pid).memory_info().rss < 300e6


def test_service_imports_nothing_heavy() -> None:
    code = "import aletheia.tracking.server, aletheia.tracking, sys; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"mlrun", "pandas", "torch", "mlflow", "numpy"} & set(names)


def test_start_reuses_a_service_that_survived_its_starter(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from aletheia.tracking import service;"
        "print(service.start(Path(sys.argv[1]), port=0).pid)"
    )
    starter = subprocess.run([sys.executable, "-c", code, home], check=True, capture_output=True, text=True)
    running = service.start(home, port=0)
    assert running.pid == int(starter.stdout)
    assert os.getsid(running.pid) == running.pid, "Ctrl-C in the starter's terminal must not reach it"


def test_start_simultaneously_gives_one_service(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        services = list(pool.map(lambda _: service.start(home, port=0), range(4)))
    assert len({running.pid for running in services}) == 1


def test_server_refuses_a_second_one_on_the_same_data(home: Path) -> None:
    service.start(home, port=0)
    command = [sys.executable, "-m", "aletheia.tracking.server", "--home", home, "--port", "0"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert second.returncode == constants.EXIT_RUNNING
    assert "already" in second.stderr


def test_stop_ends_it_and_ignores_stale_state(home: Path) -> None:
    running = service.start(home, port=0)
    state = (home / "service.json").read_text()
    assert service.stop(home) is True
    assert not psutil.pid_exists(running.pid)
    assert service.stop(home) is False
    # As after a power cut: the file is there, and its pid belongs to another process by now.
    (home / "service.json").write_text(json.dumps({**json.loads(state), "pid": os.getpid()}))
    assert service.find(home) is None
    assert service.stop(home) is False
    (home / "service.json").write_text("{half a fi")
    assert service.start(home, port=0).pid != running.pid


def test_stop_leaves_unknown_processes_alone(home: Path) -> None:
    running = service.start(home, port=0)
    state = json.loads((home / "service.json").read_text())
    with subprocess.Popen(["sleep", "600"]) as bystander:
        (home / "service.json").write_text(json.dumps({**state, "pid": bystander.pid}))
        with pytest.raises(InputError, match=r"service\.json"):
            service.stop(home)
        assert bystander.poll() is None
        bystander.kill()
    (home / "service.json").write_text(json.dumps(state))
    assert service.find(home) == running


def test_start_after_a_kill_on_the_same_port(home: Path) -> None:
    running = service.start(home, port=free_port())
    os.kill(running.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(running.pid)] if psutil.pid_exists(running.pid) else [], timeout=120)
    again = service.start(home, port=running.port)
    assert (again.pid != running.pid, again.port) == (True, running.port)


def test_start_names_a_taken_port_and_the_remedy(home: Path) -> None:
    with socket.create_server((constants.HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"Port {port} .*ALETHEIA_TRACKING_PORT="):
            service.start(home, port=port)
    assert service.find(home) is None


def test_start_names_the_service_of_another_home(home: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(service, "_LISTENER_SECONDS", 120.0)  # it answers, however busy the machine
    running = service.start(home, port=0)
    with pytest.raises(InputError, match="tracking service of another folder"):
        service.start(tmp_path / "other", port=running.port)


def test_start_in_an_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="ALETHEIA_HOME"):
        service.start(tmp_path / "file" / "home", port=0)


def test_start_with_an_unusable_database(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "tracking.db").write_bytes(b"this is no database, only text of some length" * 40)
    with pytest.raises(InputError, match=r"tracking\.db"):
        service.start(home, port=0)
    (home / "tracking.db").unlink()
    import sqlite3

    from aletheia.tracking.store import Store

    Store(home / "tracking.db")
    with sqlite3.connect(home / "tracking.db") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(InputError, match="newer"):
        service.start(home, port=0)


def test_start_while_pid_ends_with_that_process(home: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as session:
        running = service.start(home, port=0, arguments=("--while-pid", str(session.pid)))
        session.kill()
    psutil.wait_procs([psutil.Process(running.pid)], timeout=120)
    assert service.find(home) is None


def test_start_makes_files_for_the_user_only(home: Path) -> None:
    service.start(home, port=0)
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "tracking.db").stat().st_mode & 0o077 == 0
