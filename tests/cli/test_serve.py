"""The command that starts the service: its socket, its limits, the configuration of the web server."""

from __future__ import annotations

import socket

import pytest
from fastapi import FastAPI

from aletheia.cli.serve import listen, serve, uvicorn_config
from aletheia.core.errors import InputError
from aletheia.serving.config import ServeConfig


def test_listen_refuses_port_in_use():
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        with socket.create_connection((host, port), timeout=5):
            pass
        with pytest.raises(InputError, match=f"Port {port} on 127.0.0.1 is taken"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "message"), [("no.such.host.invalid", "is no address"), ("192.0.2.1", "cannot listen")]
)
def test_listen_refuses_address(host, message):
    with pytest.raises(InputError, match=message):
        listen(host, 0)


def test_uvicorn_config_limits():
    """Clients learn neither the server's name nor may they set their own address; requests may end."""
    config = uvicorn_config(FastAPI(), ServeConfig(request_timeout_s=30))
    assert not config.server_header and not config.proxy_headers and not config.access_log
    assert config.timeout_graceful_shutdown == 31 and config.timeout_keep_alive > 60


def test_pictures_need_a_log():
    with pytest.raises(InputError, match="needs the prediction log, which --no-record leaves out"):
        serve(record=False, keep_feedback_pictures=True)
    with pytest.raises(InputError, match="keep_feedback_pictures needs a prediction log"):
        ServeConfig(keep_feedback_pictures=True)
