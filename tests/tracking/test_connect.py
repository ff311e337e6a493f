"""Selection of the tracking server; a wrong one is named, not passed over."""

from __future__ import annotations

import http.server
import os
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.tracking import folders, service
from aletheia.tracking.connect import check_server, ensure_tracking, reachable_tracking, without_server

from ..waiting import free_port


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own; nothing configured; mlrun, if some other test imported it, out of sight."""
    home = tmp_path / "home"
    monkeypatch.setenv("ALETHEIA_TRACKING_PORT", str(free_port()))
    monkeypatch.setenv("ALETHEIA_HOME", str(home))
    monkeypatch.setenv("MLRUN_IGNORE_ENV_FILE", "1")
    for name in ("MLRUN_DBPATH", "ALETHEIA_TRACKING_EMBEDDED", "MLRUN_CONFIG_FILE", "MLRUN_ENV_FILE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "mlrun", None)
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield home
    get_settings.cache_clear()
    service.stop(home)


@pytest.fixture
def other_server() -> Iterator[str]:
    """Something that answers like an MLRun API."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"version": "1.12.1"}' if self.path == "/api/v1/client-spec" else b"[]"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_ensure_tracking_starts_finds_and_restarts_the_service(own_settings: Path) -> None:
    url = ensure_tracking()
    assert os.environ["MLRUN_DBPATH"] == url == f"http://127.0.0.1:{get_settings().tracking_port}"
    pid = service.find().pid
    assert ensure_tracking() == url
    assert service.find().pid == pid
    service.stop()
    # MLRUN_DBPATH is set now, but not by the user, so a service that has stopped is started again.
    assert ensure_tracking() == url
    assert service.find().pid != pid


def test_ensure_tracking_configures_an_imported_mlrun(monkeypatch: pytest.MonkeyPatch) -> None:
    mlrun = types.ModuleType("mlrun")
    mlrun.mlconf = types.SimpleNamespace(dbpath="./")
    monkeypatch.setitem(sys.modules, "mlrun", mlrun)
    assert ensure_tracking() == mlrun.mlconf.dbpath


def test_ensure_tracking_uses_the_configured_server(other_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRUN_DBPATH", other_server)
    assert ensure_tracking() == other_server
    assert service.find() is None


def test_reachable_tracking_starts_nothing(other_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reachable_tracking() is None and service.find() is None
    monkeypatch.setenv("MLRUN_DBPATH", "http://127.0.0.1:9")
    assert reachable_tracking() is None  # where ensure_tracking refuses
    monkeypatch.setenv("MLRUN_DBPATH", other_server)
    assert reachable_tracking() == other_server
    monkeypatch.delenv("MLRUN_DBPATH")
    assert ensure_tracking() == reachable_tracking()


def test_ensure_tracking_reads_configuration_files(
    other_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLRUN_IGNORE_ENV_FILE")
    (tmp_path / "mlrun.env").write_text(f"MLRUN_DBPATH={other_server}\n")
    monkeypatch.setenv("MLRUN_ENV_FILE", str(tmp_path / "mlrun.env"))
    assert ensure_tracking() == other_server
    monkeypatch.delenv("MLRUN_DBPATH")
    monkeypatch.delenv("MLRUN_ENV_FILE")
    monkeypatch.setenv("MLRUN_IGNORE_ENV_FILE", "1")
    (tmp_path / "mlrun.yaml").write_text(f"dbpath: {other_server}\n")
    monkeypatch.setenv("MLRUN_CONFIG_FILE", str(tmp_path / "mlrun.yaml"))
    assert ensure_tracking() == other_server


def test_ensure_tracking_reads_the_configuration_of_mlrun(monkeypatch: pytest.MonkeyPatch) -> None:
    mlrun = types.ModuleType("mlrun")
    mlrun.mlconf = types.SimpleNamespace(dbpath="http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "mlrun", mlrun)
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9 \(mlrun.mlconf.dbpath\)"):
        ensure_tracking()


@pytest.mark.parametrize("value", ["http://127.0.0.1:9", "http://no-such-host.invalid:80", "nowhere", "ftp://x"])
def test_ensure_tracking_names_a_server_that_does_not_answer(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRUN_DBPATH", value)
    with pytest.raises(InputError) as caught:
        ensure_tracking()
    message = str(caught.value)
    assert value in message
    assert "MLRUN_DBPATH in the environment" in message
    assert "unset MLRUN_DBPATH" in message
    assert service.find() is None, "no silent fallback"


def test_ensure_tracking_names_a_server_of_another_kind(other_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRUN_DBPATH", f"{other_server}/elsewhere")
    with pytest.raises(InputError, match=r"not as an MLRun API|not a JSON object"):
        ensure_tracking()


def test_ensure_tracking_allows_the_project_folder(
    own_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    ensure_tracking()
    assert folders.allowed(own_settings) == [own_settings / "artifacts"]
    (tmp_path / "project" / "project.yaml").write_text("kind: project\n")
    ensure_tracking()
    assert tmp_path / "project" in folders.allowed(own_settings)


def test_check_server_accepts_one_that_wants_credentials() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        check_server(f"http://127.0.0.1:{server.server_address[1]}", "a test")
        server.shutdown()


def test_ensure_tracking_names_a_broken_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlrun.yaml").write_text("dbpath: [")
    monkeypatch.setenv("MLRUN_CONFIG_FILE", str(tmp_path / "mlrun.yaml"))
    with pytest.raises(InputError, match=r"mlrun\.yaml is not valid YAML"):
        ensure_tracking()


def test_without_server_hides_every_setting(tmp_path: Path, other_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mlrun.yaml"
    file.write_text(f"dbpath: {other_server}")
    for name, value in (("MLRUN_DBPATH", other_server), ("MLRUN_CONFIG_FILE", str(file))):
        monkeypatch.setenv(name, value)
    imported = types.SimpleNamespace(mlconf=types.SimpleNamespace(dbpath=other_server))
    before, answers = dict(os.environ), []
    asking = threading.Thread(target=lambda: answers.append(reachable_tracking()))
    monkeypatch.delitem(sys.modules, "mlrun")
    with pytest.raises(RuntimeError), without_server():
        assert not {"MLRUN_DBPATH", "MLRUN_CONFIG_FILE"} & set(os.environ)
        assert os.environ["MLRUN_IGNORE_ENV_FILE"] == "1"
        asking.start()
        monkeypatch.setitem(sys.modules, "mlrun", imported)
        imported.mlconf.dbpath = ""  # as it is after such an import
        raise RuntimeError
    asking.join()
    assert answers == [other_server]  # another thread waits rather than take what is hidden for what is not there
    assert (dict(os.environ), imported.mlconf.dbpath) == (before, other_server)
    with without_server():
        assert imported.mlconf.dbpath == ""
    assert imported.mlconf.dbpath == other_server
