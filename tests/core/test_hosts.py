"""Host names in URLs and headers."""

from __future__ import annotations

import pytest

from aletheia.core.hosts import host_of, is_address, is_loopback


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Example.org:80/x", "example.org"),
        ("//localhost:8766", "localhost"),
        ("http://[::1]:5", "::1"),
        ("http://user:word@127.0.0.1@evil.example/", "evil.example"),
        ("no-url", None),
        ("http://[::1", None),
    ],
)
def test_host_of(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.2", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False), ("evil", False)],
)
def test_is_loopback(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", True), ("2001:db8::1", True), ("127.0.0.1.nip", False)])
def test_is_address(host, address):
    assert is_address(host) is address
