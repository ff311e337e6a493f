"""Addresses of objects: what is one, what it is called on this machine, and where a manifest's paths lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aletheia.core.buckets.addresses import Address, is_bucket_url, parse_url, relative, resolve
from aletheia.core.errors import InputError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://faces", Address("faces")),
        ("s3://faces/", Address("faces")),
        ("s3://faces/a/b.jpg", Address("faces", "a/b.jpg")),
        ("S3://faces/a/", Address("faces", "a")),
        (Path("s3://faces/a/b"), Address("faces", "a/b")),  # of which Path leaves one slash
        ("s3://faces/a b/ü#1?.jpg", Address("faces", "a b/ü#1?.jpg")),
    ],
)
def test_parse_url(url, expected):
    assert is_bucket_url(url)
    assert parse_url(url) == expected


@pytest.mark.parametrize("text", ["faces", "/s3/faces", "gs://bucket/x", "s3", "s3:", "s3:faces", "http://s3/x"])
def test_other_texts_are_no_address(text):
    assert not is_bucket_url(text)


@pytest.mark.parametrize("url", ["s3://", "s3:///etc/passwd", "s3://../x", "s3://a/x", "s3://.hidden/x", "s3://a b/x"])
def test_parse_url_refuses_what_is_no_bucket(url):
    with pytest.raises(InputError, match="names no bucket"):
        parse_url(url)


def test_parse_url_does_not_repeat_credentials():
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID") as refused:
        parse_url("s3://someone:word@faces/x")
    assert "word" not in str(refused.value) and "someone" not in str(refused.value)


HOSTILE = [
    "../x",
    "../../etc/passwd",
    "a/../../x",
    "a/..",
    "/etc/passwd",
    "a//b",
    "./a",
    "a/./b",
    "a\0b",
    "a\nb",
    "\x85",
    "a" * 256,
    "/".join(["a" * 200] * 6),
    "a/",
    "é" * 128,
]


@pytest.mark.parametrize("key", HOSTILE, ids=lambda key: repr(key[:12]))
def test_path_refuses_a_key_that_leads_elsewhere(key):
    with pytest.raises(InputError, match="is no path of a file below a folder"):
        Address("faces", key).path()


@given(st.text("./a~ü\\", max_size=10))
def test_path_stays_below_its_folder(key):
    try:
        path = Address("faces", key).path()
    except InputError:
        return
    except UnicodeEncodeError:
        raise AssertionError(key) from None
    assert Path("/mirror", path).resolve().is_relative_to("/mirror/faces")


@pytest.mark.parametrize(
    ("text", "folder", "expected"),
    [
        ("files/a.png", "runs/1", Address("b", "runs/1/files/a.png")),
        ("../0/files/a.png", "runs/1", Address("b", "runs/0/files/a.png")),
        ("a.png", "", Address("b", "a.png")),
        ("s3://other/x y.jpg", "runs/1", Address("other", "x y.jpg")),
    ],
)
def test_resolve_and_back(text, folder, expected):
    found = resolve(text, Address("b", folder))
    assert found == expected
    assert relative(found, Address("b", folder)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../../../x",
        "runs/../../../../etc/passwd",
        "/etc/passwd",
        "~/x",
        "file:///etc/passwd",
        "C:/x",
        "../..",
    ],
)
def test_resolve_refuses_what_is_in_no_bucket(text):
    with pytest.raises(InputError, match="which is in no bucket"):
        resolve(text, Address("b", "runs"))


@given(st.text("ab./~:", max_size=12), st.sampled_from(["", "runs", "runs/1"]))
def test_resolve_never_leaves_the_mirror(text, folder):
    try:
        path = resolve(text, Address("faces", folder)).path()
    except InputError:
        return
    assert Path("/mirror", path).resolve().is_relative_to("/mirror")


def test_relative_of_a_name_that_would_be_read_otherwise():
    for key in ("~a/x", "http:/x"):
        place = Address("bbb", key)
        assert relative(place, Address("bbb")) == str(place)
        assert resolve(str(place), Address("bbb")) == place
