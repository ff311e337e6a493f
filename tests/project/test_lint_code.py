"""The choice of a function's handler or class."""

from __future__ import annotations

import ast

import pytest

from aletheia.project.lint_code import choose_handler
from aletheia.project.notebooks import FunctionConfig

TWO = ast.parse("def scale_up(): ...\ndef other(): ...\ndef _helper(): ...\nclass Model: ...")


@pytest.mark.parametrize(
    ("config", "name", "chosen"),
    [
        ({}, "scale-up", "scale_up"),  # named like the notebook
        ({}, "something", None),  # two public functions, and neither is named so
        ({"handler": "other"}, "scale-up", "other"),
        ({"kind": "serving"}, "something", "Model"),  # the only public class
        ({"kind": "serving", "class": "package.Model"}, "something", "package.Model"),
    ],
)
def test_choose_handler(config, name, chosen):
    assert choose_handler(TWO, FunctionConfig(**config), name) == chosen


def test_choose_handler_only_public_function():
    assert choose_handler(ast.parse("def f(): ...\ndef _g(): ..."), FunctionConfig(), "x") == "f"
    assert choose_handler(ast.parse("x = 1"), FunctionConfig(), "x") is None
