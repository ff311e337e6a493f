"""The whole chain: a running service, Prometheus with the project's rules, Alertmanager, and whoever is told."""

from __future__ import annotations

import contextlib
import http.server
import json
import runpy
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
import pytest
import yaml

from aletheia.lifecycle.alerts.prometheus import render_alertmanager, render_rules
from aletheia.lifecycle.alerts.rules import AlertConfig, Rule

from ..waiting import PATIENCE, free_port, wait_for

RULE = Rule(metric="answers", limit=3, over="10s", looks=2, runbook="Start a second service.")
#: Of the Grafana dashboard.
_SOURCE = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.py"))
EXPRESSIONS = _SOURCE["expressions"](json.loads(_SOURCE["FILE"].read_text()))
_NAMES = {"prometheus": ("prometheus",), "alertmanager": ("alertmanager", "prometheus-alertmanager")}


def program(name: str) -> str:
    found = next((path for word in _NAMES[name] if (path := shutil.which(word))), None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def hook():
    """A webhook; ``got`` is what it was told."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@contextlib.contextmanager
def running(folder, *command: object):
    """Run a program for as long as a block lasts; what it says is in the file ``said``."""
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(list(map(str, command)), stdout=said, stderr=said, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def query(port: int, expr: str) -> list[float]:
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": expr}, timeout=PATIENCE)
        if answer.status_code == 200:
            return [float(part["value"][1]) for part in answer.json()["data"]["result"]]
    return []


@pytest.mark.slow
def test_from_the_service_to_the_webhook(serving, jpeg, hook, tmp_path):
    programs = {name: program(name) for name in _NAMES}
    config = AlertConfig(rules={"crowded": RULE}, webhooks=[f"http://127.0.0.1:{hook.server_port}/T0"])
    ports = {name: free_port() for name in _NAMES}
    folders = {name: tmp_path / name for name in _NAMES}
    for folder in folders.values():
        folder.mkdir()
    with serving(prediction_log=str(tmp_path / "log.sqlite")) as served:
        target = f"{served.client.base_url.host}:{served.client.base_url.port}"
        scrape = {
            "global": {"scrape_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "aletheia", "static_configs": [{"targets": [target]}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        }
        (folders["prometheus"] / "prometheus.yml").write_text(yaml.safe_dump(scrape))
        (folders["prometheus"] / "rules.yml").write_text(render_rules(config, look=1))
        alertmanager = yaml.safe_load(render_alertmanager(config))
        alertmanager["route"] |= {"group_wait": "1s", "group_interval": "1s"}  # a person would not mind ten
        (folders["alertmanager"] / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager))
        listen = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        commands = {
            "prometheus": ["--config.file=prometheus.yml", f"--web.listen-address={listen['prometheus']}"],
            "alertmanager": [
                "--config.file=alertmanager.yml",
                f"--web.listen-address={listen['alertmanager']}",
                "--cluster.listen-address=",
            ],
        }
        with contextlib.ExitStack() as open_:
            for name, words in commands.items():
                words = [
                    programs[name],
                    *words,
                    "--storage.path=data" if name == "alertmanager" else "--storage.tsdb.path=data",
                ]
                open_.enter_context(running(folders[name], *words))
            up = 'up{job="aletheia"}'
            wait_for(lambda: query(ports["prometheus"], up) == [1.0])
            scraped = 'aletheia_unanswered_total{kind="internal"}'
            assert wait_for(lambda: query(ports["prometheus"], scraped)) == [0.0]  # from zero on

            def alarm() -> dict | None:
                """Ask more often than the rule allows; none if that took so long that the rule did not notice."""
                for _ in range(6):
                    assert served.client.post("/v1/predict", files={"file": jpeg}).status_code == 200
                with contextlib.suppress(AssertionError):
                    return wait_for(lambda: hook.got and hook.got[0], 20)
                return None

            message = wait_for(alarm)
            most = 'max(max_over_time(aletheia:rule_value{rule="crowded"}[5m]))'
            answers = wait_for(lambda: query(ports["prometheus"], most))
            for text in EXPRESSIONS:
                if "aletheia_abstentions" not in text:  # every face of these pictures was judged
                    asked = text.replace("$__rate_interval", "30s")
                    wait_for(lambda asked=asked: query(ports["prometheus"], asked), message=text)
            message_end = wait_for(lambda: [part for part in hook.got if part["status"] == "resolved"])[0]
    (alert,) = message["alerts"]
    assert (message["status"], alert["status"]) == ("firing", "firing")
    assert alert["labels"] == {"alertname": "AletheiaCrowded", "rule": "crowded", "severity": "warning"}
    assert alert["annotations"]["summary"] == "crowded: the number of answers is above 3"
    assert alert["annotations"]["runbook"] == RULE.runbook
    assert 3 < answers[0] < 20  # six, extrapolated
    assert message_end["alerts"][0]["labels"]["rule"] == "crowded"
