"""Durability: killed processes, simultaneous writers, full disks."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from aletheia.tracking import service
from aletheia.tracking.store import Store

from ..waiting import wait_for

# A client of its own process, on the standard library so that it starts at once.
WRITER = textwrap.dedent(
    """
    import http.client, json, sys
    name, count = sys.argv[2], int(sys.argv[3])
    connection = http.client.HTTPConnection(sys.argv[1].removeprefix("http://"))

    def send(method, path, body):
        connection.request(method, path, json.dumps(body))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status

    for index in range(count):
        uid = f"{name}{index}"
        run = f"/api/v1/projects/p/runs/{uid}"
        send("POST", run, {"metadata": {"name": name, "uid": uid}, "status": {"state": "running"}})
        send("PUT", f"/api/v2/projects/p/artifacts/shared?tree={uid}", {"kind": "model"})
        send("PATCH", run, {"status.state": "completed", "status.results.n": index})
    """
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    service.stop(tmp_path / "home")


def start(home: Path, *arguments: str) -> tuple[service.Service, httpx.Client]:
    running = service.start(home, port=0, arguments=arguments)
    client = httpx.Client(base_url=running.url, trust_env=False, timeout=120)
    client.put("/api/v1/projects/p", json={"metadata": {"name": "p"}}).raise_for_status()
    return running, client


def kill(running: service.Service) -> None:
    process = psutil.Process(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    psutil.wait_procs([process], timeout=120)


@pytest.mark.slow
def test_service_two_processes_write_at_once(home: Path) -> None:
    running, client = start(home)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, running.url, name, "40"], stderr=subprocess.PIPE)
        for name in ("left", "right")
    ]
    for writer in writers:
        assert writer.wait(240) == 0, writer.stderr.read().decode()
    runs = client.get("/api/v1/projects/p/runs").json()["runs"]
    assert len(runs) == 80
    assert all(run["status"]["state"] == "completed" for run in runs)
    for name in ("left", "right"):
        numbers = sorted(run["status"]["results"]["n"] for run in runs if run["metadata"]["name"] == name)
        assert numbers == list(range(40))
    artifacts = client.get("/api/v2/projects/p/artifacts", params={"tag": "latest"}).json()["artifacts"]
    assert len(artifacts) == 1, "a tag stays on one version, however many write at once"
    assert Store(home / "tracking.db").integrity() == "ok"


@pytest.mark.slow
def test_service_killed_keeps_what_it_acknowledged(home: Path) -> None:
    acknowledged: list[str] = []
    for attempt in range(3):
        running, client = start(home)
        stop = threading.Event()

        def write(client: httpx.Client = client, attempt: int = attempt, stop: threading.Event = stop) -> None:
            index = 0
            while not stop.is_set():
                uid = f"run-{attempt}-{index}"
                body = {
                    "metadata": {"name": "n"},
                    "spec": {"text": "x" * 20_000},
                    "status": {"state": "completed"},
                }
                try:
                    client.post(f"/api/v1/projects/p/runs/{uid}", json=body).raise_for_status()
                except httpx.TransportError:
                    return
                acknowledged.append(uid)
                index += 1

        before = len(acknowledged)
        thread = threading.Thread(target=write)
        thread.start()
        wait_for(lambda before=before: len(acknowledged) >= before + 10)
        kill(running)
        stop.set()
        thread.join()
    _, client = start(home)
    runs = client.get("/api/v1/projects/p/runs").json()["runs"]
    assert len(acknowledged) >= 30
    assert set(acknowledged) <= stored(home)
    assert all(len(run["spec"]["text"]) == 20_000 and run["status"]["state"] == "completed" for run in runs)
    assert Store(home / "tracking.db").integrity() == "ok"


def stored(home: Path) -> set[str]:
    with sqlite3.connect(home / "tracking.db") as connection:
        return {uid for (uid,) in connection.execute("SELECT uid FROM runs")}


@pytest.mark.slow
def test_owners_killed_process_aborts_its_run(home: Path) -> None:
    running, client = start(home)
    code = WRITER.split("for index")[0] + textwrap.dedent(
        """
        body = {"metadata": {"name": "long"}, "status": {"state": "running", "results": {"epoch": 3}}}
        send("POST", "/api/v1/projects/p/runs/lost", body)
        send("POST", "/api/v1/projects/p/runs/lost?iter=1", body)
        print("stored", flush=True)
        sys.stdin.read()
        """
    )
    command = [sys.executable, "-c", code, running.url, "x", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        status = client.get("/aletheia/status").json()
        assert [run["uid"] for run in status["unfinished"]] == ["lost"]
        assert [int(owner[0]) for owner in status["unfinished"][0]["owners"]] == [process.pid]
        process.kill()
        process.wait()
    data = client.get("/api/v1/projects/p/runs/lost").json()["data"]
    assert data["status"]["results"] == {"epoch": 3}
    lost = wait_for(lambda: client.get("/aletheia/status").json()["lost"])
    assert lost == [{"project": "p", "uid": "lost", "name": "long"}]
    for iteration in (0, 1):
        data = client.get("/api/v1/projects/p/runs/lost", params={"iter": iteration}).json()["data"]
        assert data["status"]["state"] == "aborted"
        assert f"pid {process.pid}" in data["status"]["error"]
        assert data["status"]["results"] == {"epoch": 3}


@pytest.mark.slow
def test_owners_living_process_keeps_its_run(home: Path) -> None:
    running, client = start(home)
    client.post("/api/v1/projects/p/runs/live", json={"metadata": {"name": "n"}, "status": {"state": "running"}})
    time.sleep(3.2)  # longer than the grace
    assert client.get("/aletheia/status").json()["lost"] == []
    client.close()  # a run may be silent for hours; what counts is that its process lives
    with httpx.Client(base_url=running.url, trust_env=False, timeout=120) as other:
        assert other.get("/aletheia/status").json()["lost"] == []
        assert other.get("/api/v1/projects/p/runs/live").json()["data"]["status"]["state"] == "running"


@pytest.mark.slow
def test_service_full_disk_is_reported_and_harmless(home: Path) -> None:
    _, client = start(home, "--max-pages", "80")
    body = {"metadata": {"name": "n"}, "spec": {"text": "x" * 30_000}, "status": {"state": "completed"}}
    stored_runs = []
    for index in range(50):
        answer = client.post(f"/api/v1/projects/p/runs/r{index}", json=body)
        if answer.status_code != 200:
            break
        stored_runs.append(f"r{index}")
    assert answer.status_code == 507
    assert "full" in answer.json()["detail"]
    assert str(home / "tracking.db") in answer.json()["detail"]
    assert 3 <= len(stored_runs) < 50
    assert len(client.get("/api/v1/projects/p/runs").json()["runs"]) == len(stored_runs), "reading still works"
    client.delete("/api/v1/projects/p/runs/r0").raise_for_status()
    client.post("/api/v1/projects/p/runs/again", json=body).raise_for_status()
    service.stop(home)
    assert Store(home / "tracking.db").integrity() == "ok"
    _, client = start(home)
    client.post("/api/v1/projects/p/runs/more", json=body).raise_for_status()
    assert stored(home) == {*stored_runs[1:], "again", "more"}


@pytest.mark.slow
def test_service_restart_keeps_everything(home: Path) -> None:
    _, client = start(home)
    client.post("/api/v1/projects/p/functions/f", json={"kind": "job", "metadata": {"name": "f"}, "spec": {}})
    client.post("/api/v1/projects/p/runs/u", json={"metadata": {"name": "n"}, "status": {"state": "completed"}})
    client.post("/api/v1/projects/p/logs/u", content=b"text")
    client.put("/api/v2/projects/p/artifacts/k", params={"tree": "u"}, json={"kind": "model", "spec": {}})
    pages = client.get("/api/v1/projects/p/runs", params={"page-size": 1}).json()
    before = [
        client.get(path).text
        for path in (
            *("/api/v1/projects/p", "/api/v1/projects/p/functions/f", "/api/v1/projects/p/runs/u"),
            *("/api/v1/projects/p/logs/u", "/api/v2/projects/p/artifacts/k"),
        )
    ]
    assert service.stop(home)
    client = httpx.Client(base_url=service.start(home, port=0).url, trust_env=False, timeout=120)
    after = [
        client.get(path).text
        for path in (
            *("/api/v1/projects/p", "/api/v1/projects/p/functions/f", "/api/v1/projects/p/runs/u"),
            *("/api/v1/projects/p/logs/u", "/api/v2/projects/p/artifacts/k"),
        )
    ]
    assert after == before
    assert json.loads(after[2])["data"]["status"]["artifacts"][0]["metadata"]["key"] == "k"
    assert pages["pagination"]["page-token"] is None


@pytest.mark.slow
def test_service_killed_mlrun_process_leaves_a_readable_run(home: Path, tmp_path: Path) -> None:
    running, client = start(home)
    (tmp_path / "script.py").write_text(
        textwrap.dedent(
            """
            import time
            import mlrun

            def handler(context):
                context.log_result("epoch", 2)
                context.log_artifact("note", body=b"so far", local_path="note.txt")
                context.commit()
                print("READY", flush=True)
                time.sleep(300)

            project = mlrun.get_or_create_project("p", context="./")
            mlrun.new_function("lost", project="p").run(handler=handler)
            """
        )
    )
    environment = {**os.environ, "MLRUN_DBPATH": running.url, "MLRUN_IGNORE_ENV_FILE": "1"}
    command = [sys.executable, "script.py"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        assert any(b"READY" in line for line in process.stdout)
        process.kill()
        process.wait()
    (run,) = client.get("/api/v1/projects/p/runs").json()["runs"]
    assert run["status"]["results"] == {"epoch": 2}
    uid = run["metadata"]["uid"]
    full = client.get(f"/api/v1/projects/p/runs/{uid}").json()["data"]
    assert [item["metadata"]["key"] for item in full["status"]["artifacts"]] == ["note"]
    wait_for(lambda: not client.get("/aletheia/status").json()["unfinished"])
    data = client.get(f"/api/v1/projects/p/runs/{uid}").json()["data"]
    assert data["status"]["state"] == "aborted"
    assert data["status"]["results"] == {"epoch": 2}
