"""Requests of other sites' pages, and the three ways to send a key."""

from __future__ import annotations

import base64

import pytest

from aletheia.core.request_checks import foreign_header, sends_key


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"host": "localhost:8050"}, ""),
        ({"host": "192.168.1.4:8050", "origin": "http://192.168.1.4:8050"}, ""),
        ({"host": "evil.example"}, "Host"),
        ({"host": "localhost:8050", "origin": "https://evil.example"}, "Origin"),
        ({"host": "localhost:8050", "origin": "null"}, "Origin"),
        ({"host": "watch.example", "origin": "https://watch.example"}, ""),
        ({}, ""),
    ],
)
def test_foreign_header(headers, foreign):
    assert foreign_header(headers, {"watch.example"}, checks_host=True) == foreign


def test_any_host_where_it_is_not_checked():
    assert foreign_header({"host": "evil.example"}, checks_host=False) == ""


def test_key():
    basic = base64.b64encode(b"anybody:secret").decode()
    for headers in ({"authorization": "Bearer secret"}, {"x-api-key": "secret"}, {"authorization": f"Basic {basic}"}):
        assert sends_key(headers, "secret")
        assert not sends_key(headers, "other")
    assert not sends_key({"authorization": "Basic %%%"}, "secret")
    assert not sends_key({}, "")
