"""Checks, times, SQL conditions, pages and paths."""

from __future__ import annotations

import math
import sqlite3

import pytest

from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page, Where


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (queries.check_tag, ["v1", "a", "A.b_c-9", "x" * 63], ["", "-a", "a-", "a b", "ä", "x" * 64, "a\n"]),
        (queries.check_key, ["k", "run_k.v-1", "x" * 255], ["", "_k", "a/b", "a#1", "x" * 256]),
        (queries.check_project, ["p", "deep-fakes2", "x" * 63], ["", "P", "p_q", "-p", "p-", "x" * 64]),
    ],
)
def test_check_names(check, good, bad):
    for name in good:
        check(name)
    for name in bad:
        with pytest.raises(ApiError) as caught:
            check(name)
        assert caught.value.status == 400


def test_check_length_refuses_nul():
    queries.check_length("x" * 255, "A name")
    for text in ("x" * 256, "a\0b"):
        with pytest.raises(ApiError, match="A name is longer than 255 characters or holds a NUL"):
            queries.check_length(text, "A name")


def test_parse_time_without_zone_is_utc():
    assert queries.parse_time("1970-01-02") == 86_400
    assert queries.parse_time("1970-01-01T01:00:00+01:00") == 0
    assert queries.parse_time(" 1970-01-01 00:00:10.5 ") == 10.5
    assert queries.parse_time(None) is queries.parse_time("") is None
    assert queries.parse_time(queries.to_iso(1.25)) == 1.25
    for text in ("yesterday", "9999-99-99", 5):
        with pytest.raises(ApiError, match="no ISO time"):
            queries.parse_time(text)


def test_encode_keeps_nan_and_surrogates():
    body = {"loss": math.inf, "text": "\ud800 ü"}
    text = queries.encode(body)
    assert text.isascii()
    assert queries.decode(text) == body
    assert math.isnan(queries.decode(queries.encode({"loss": math.nan}))["loss"])


def test_encode_labels_are_strings():
    assert queries.encode_labels({"a": 1, "b": None, 3: True}) == '{"a":"1","b":"","3":"True"}'
    assert queries.encode_labels(None) == queries.encode_labels([1]) == "{}"
    with pytest.raises(ApiError, match="label 'a'"):
        queries.encode_labels({"a": "x" * 256})


def test_get_in_and_set_in_follow_paths():
    body = {"a": {"b": None}, "c": 1}
    assert queries.get_in(body, "a.b", "default") == "default"
    queries.set_in(body, "a.b.d", 2)
    assert queries.get_in(body, "a.b.d") == 2
    queries.set_in(body, "labels.\\x.y\\", "quoted")
    assert body["labels"] == {"x.y": "quoted"}
    with pytest.raises(ApiError, match="no object"):
        queries.set_in(body, "c.d", 1)


def test_split_path_quotes_dots():
    assert queries.split_path("a.b") == ["a", "b"]
    assert queries.split_path("a.\\b.c\\.d") == ["a", "b.c", "d"]
    assert queries.split_path("") == [""]


def test_select_paths_copies_only_these():
    body = {"kind": "model", "spec": {"size": 3, "secret": 1, "deep": {"x": 1, "y": 2}}, "status": None}
    assert queries.select_paths(body, ("kind", "spec.size", "spec.deep.y", "status.state", "none")) == {
        "kind": "model",
        "spec": {"size": 3, "deep": {"y": 2}},
        "status": {},
    }


@pytest.fixture
def table() -> sqlite3.Connection:
    """Rows (id, name, labels, at): two of ``ab``, one of ``A_b``."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name, labels, at)")
    rows = [("ab", '{"team":"red"}', 10), ("A_b", '{"team":"blue"}', 20), ("ab", "{}", 30)]
    connection.executemany("INSERT INTO t (name, labels, at) VALUES (?, ?, ?)", rows)
    return connection


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("equals", ("name", "ab"), [1, 3]),
        ("equals", ("name", None), [1, 2, 3]),
        ("equals", ("at", 0), []),
        ("any_of", ("at", (10, 20, 99)), [1, 2]),
        ("any_of", ("at", ()), [1, 2, 3]),
        ("name", ("name", "~A"), [1, 2, 3]),
        ("name", ("name", "~_"), [2]),
        ("name", ("name", "A"), []),
        ("project", ("name", "*"), [1, 2, 3]),
        ("project", ("name", ""), []),
        ("labels", ("t.labels", ["team"]), [1, 2]),
        ("labels", ("t.labels", ["team", "team=blue"]), [2]),
        ("between", ("at", "1970-01-01T00:00:20", None), [2, 3]),
        ("between", ("at", "1970-01-01T00:00:11", "1970-01-01T00:00:29"), [2]),
        ("add", ("at > ? AND at < ?", 15, 25), [2]),
    ],
)
def test_where_selects_rows(table, method, arguments, expected):
    where = Where()
    getattr(where, method)(*arguments)
    rows = table.execute(f"SELECT id FROM t WHERE {where.sql()} ORDER BY id", where.values).fetchall()
    assert [row["id"] for row in rows] == expected


def test_page_fetch_looks_one_row_ahead(table):
    sql = "SELECT id FROM t ORDER BY id"
    for page, expected, more in (
        (Page(), [1, 2, 3], False),
        (Page(1, 2), [1, 2], True),
        (Page(2, 2), [3], False),
        (Page(1, 3), [1, 2, 3], False),
        (Page(9, 3), [], False),
    ):
        rows, has_more = page.fetch(table, sql, [])
        assert ([row["id"] for row in rows], has_more) == (expected, more)


def test_decode_token_is_the_inverse():
    token = queries.encode_token("runs", {"name": "n"}, Page(3, 7))
    assert queries.decode_token(token, "runs") == ({"name": "n"}, Page(3, 7))
    for other, kind in ((token, "funcs"), ("", "runs"), (queries.encode_token("runs", {}, Page()), "runs")):
        with pytest.raises(ApiError) as caught:
            queries.decode_token(other, kind)
        assert caught.value.status == 404


@pytest.mark.parametrize(
    ("order", "rows", "partitions", "expected"),
    [("desc", 1, 0, [2, 3]), ("asc", 1, 0, [1, 2]), ("desc", 2, 0, [1, 2, 3]), ("desc", 9, 1, [1, 3])],
)
def test_partitioned_ranks_within_names(table, order, rows, partitions, expected):
    where = Where()
    where.add("at > ?", 0)
    sql, values = queries.partitioned(
        "SELECT * FROM t",
        where,
        by="name",
        sort="at",
        order=order,
        rows=rows,
        partitions=partitions,
        tail="ORDER BY id",
    )
    assert [row["id"] for row in table.execute(sql, values)] == expected
