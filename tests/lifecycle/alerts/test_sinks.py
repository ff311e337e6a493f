"""Alerts by webhook and mail, sent to real servers on the loopback."""

from __future__ import annotations

import email
import http.server
import json
import socketserver
import threading

import pytest

from aletheia.lifecycle.alerts import sinks
from aletheia.lifecycle.alerts.rules import AlertConfig
from aletheia.lifecycle.alerts.sinks import tell
from aletheia.lifecycle.alerts.state import Alert

ALERT = Alert(
    rule="slow", status="firing", metric="p95_ms", value=612.0, limit=500.0, since=1.0,
    sentence="slow: 95 of 100 answers take at most 612 ms (limit: above 500).", runbook="Look.",
)  # fmt: skip


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *args):
        pass


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs to hand in one mail."""

    def handle(self):
        def say(line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                say("354 go on")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.got.append(b"".join(lines))
            elif word == "QUIT":
                say("221 bye")
                return
            say("250 ok")


@pytest.fixture
def start(monkeypatch):
    """Start a server of this kind on a free port; ``got`` collects what it was sent."""
    monkeypatch.setattr(sinks, "_TIMEOUT", 120.0)  # these answer, however busy the machine
    servers = []

    def run(handler, answer: int = 200):
        base = http.server.HTTPServer if handler is Hook else socketserver.TCPServer
        server = base(("127.0.0.1", 0), handler)
        server.got, server.answer = [], answer
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return server, server.server_address[1]

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


def test_all_ways(start, capsys):
    (hook, hook_port), (smtp, smtp_port) = start(Hook), start(Smtp)
    mail = {"host": "127.0.0.1", "port": smtp_port, "sender": "a@here", "to": ["b@here", "c@here"], "starttls": False}
    config = AlertConfig(rules={}, webhooks=[f"http://127.0.0.1:{hook_port}/T0/secret"], mail=mail)
    assert tell([ALERT], config) == ([], [])
    ((path, body),) = hook.got
    assert path == "/T0/secret"
    assert json.loads(body) == ALERT.model_dump()
    message = email.message_from_bytes(smtp.got[0])
    assert (message["Subject"], message["To"]) == ("Aletheia firing: slow", "b@here, c@here")
    assert ALERT.sentence in message.get_payload().replace("=\n", "")
    assert f"FIRING {ALERT.sentence} Look." in capsys.readouterr().err


def test_one_that_fails_harms_no_other(start):
    """Said without the address's secret, and told again at the next look."""
    (good, good_port), (_, bad_port) = start(Hook), start(Hook, answer=500)
    hooks = [f"http://127.0.0.1:{bad_port}/T0/secret", "http://127.0.0.1:9/gone", f"http://127.0.0.1:{good_port}/"]
    untold, failures = tell([ALERT], AlertConfig(rules={}, webhooks=hooks))
    assert untold == [ALERT]
    assert len(failures) == 2
    assert failures[0].startswith(f"The webhook http://127.0.0.1:{bad_port} did not take an alert: HTTP Error 500")
    assert "secret" not in " ".join(failures)
    assert len(good.got) == 1
