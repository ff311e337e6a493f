"""What is known of a program's texts and dictionaries without running it."""

from __future__ import annotations

import ast
import textwrap

import pytest

from aletheia.project.static_values import UNKNOWN, Known, walk


def keys_of_show(source: str) -> Known:
    """What is known of the keys of the argument of ``show(…)``."""
    for node, scope in walk(ast.parse(textwrap.dedent(source)), lambda call, scope: None):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "show":
            return scope.keys(node.args[0])
    raise AssertionError("no show()")


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("show({'a': 1, 'b': 2})", "ab"),
        ("show(dict(a=1, **{'b': 2}))", "ab"),
        ("x = {'a': 1}\nshow({**x, 'b': 1})", "ab"),
        ("x = {'a': 1}\nshow(x | {'b': 1})", "ab"),
        ("x = {'a': 1}\nx |= {'b': 1}\nx['c'] = 1\nx.update(d=1)\nshow(x)", "abcd"),
        ("x = {'a': 1} if y else {'b': 1}\nshow(x)", "ab"),
        ("x = {'a': 1}\nx = {'b': 1}\nshow(x)\nx = {'c': 1}", "b"),
        ("x = {'a': 1}\nx = {\n    **x,\n    'b': 1,\n}\nshow(x)", "ab"),
        ("show({n: 1 for n in ('a', 'b')})", "ab"),
        ("x = {'a': 1, 'b': 2}\nshow({n: v for n, v in x.items()})", "ab"),
        ("N = ('a', 'b')\ndef f():\n    x = {n: 1 for n in N}\n    show(x)", "ab"),
        ("for n, v in (('a', 1), ('b', 2)):\n    show({n: v})", "ab"),
        ("for n in ('a', 'b'):\n    show({f'{n}x': 1})", ["ax", "bx"]),
        ("x, y = {'a': 1}, {'b': 1}\nshow(x)", "a"),
        ("show(None)", ""),
    ],
)
def test_keys_are_known(source, keys):
    assert keys_of_show(source) == Known(tuple(keys))


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("show(f())", ""),
        ("show(x)", ""),
        ("show({'a': 1, **f()})", "a"),
        ("x = {'a': 1}\nx.update(f())\nshow(x)", "a"),
        ("x = {'a': 1}\ndef f(x):\n    show(x)", ""),
        ("x = ['a']\nx.append(f())\nshow({n: 1 for n in x})", "a"),
        ("show({n: 1 for n in f()})", ""),
        ("for n in n:\n    show({n: 1})", ""),
    ],
)
def test_what_is_computed_is_not_guessed(source, keys):
    assert keys_of_show(source) == Known(tuple(keys), complete=False)


def test_union_keeps_the_order_and_what_is_not_known():
    assert Known.union([Known(("b", "a")), Known(("a", "c"))]) == Known(("b", "a", "c"))
    assert Known.union([Known(("a",)), UNKNOWN]) == Known(("a",), complete=False)


def test_loops_over_the_same_name_are_told_apart():
    source = "for n in ('a',):\n    f(n)\nfor n in ('b',):\n    show({n: 1})"
    assert keys_of_show(source) == Known(("b",))
