"""Outputs of a function by its source."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from aletheia.project.function_outputs import function_outputs, logged_keys, not_logged
from aletheia.project.static_values import Known

FUNCTIONS = Path(__file__).parents[2] / "functions"


def body(*lines: str) -> str:
    return "def f(context, parts):\n" + textwrap.indent("\n".join(lines), "    ") + "\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("context.log_artifact('a', body=b'')", Known(("a",))),
        ("context.log_artifact(FigureArtifact('a', g()))", Known(("a",))),
        ("context.log_dataset(key='a', df=g())", Known(("a",))),
        ("context.log_model('a')", Known(("a",))),
        ("context.log_result('a', 1)", Known(("a",))),
        ("context.log_results({'a': 1})", Known(("a",))),
        ("for key in ('a', 'b'):\n    context.log_dataset(key, df=g())", Known(("a", "b"))),
        ("context.log_results({'a': 1, **g()})", Known(("a",), complete=False)),
        ("context.log_model(KEY)", Known(complete=False)),
        ("helper(context)", Known(complete=False)),
        ("print('a')", Known()),
    ],
)
def test_logged_keys(line, expected):
    assert logged_keys(ast.parse(body(line))) == expected


def test_declared_outputs_are_all_that_there_are():
    source = body("context.log_model(KEY)", "context.log_result('loss', 1)")
    declared = "# mlrun: config outputs='[\"model\"]'\n" + source
    assert function_outputs(source) == Known(("loss",), complete=False)
    assert function_outputs(declared) == Known(("model", "loss"))


def test_not_logged():
    renamed = body(
        "context.log_artifact('modell')", "context.log_results({**g()})", "context.log_artifact(Figure(key))"
    )
    assert not_logged(ast.parse(renamed), ["model", "modell"]) == ["model"]
    assert not_logged(ast.parse(body("context.log_model(KEY)")), ["model"]) == [], "the key may be this one"


def test_outputs_of_this_project_are_known():
    """Those that the workflow hands on are declared, and keys in loops are read."""
    outputs = {path.name: function_outputs((path / "function.py").read_text()) for path in FUNCTIONS.iterdir()}
    assert all(outputs[name].complete for name in ("extract-faces", "prepare-data", "train", "evaluate", "register"))
    assert {"train", "val", "test", "sealed", "audit_report"} <= set(outputs["prepare-data"].texts)
    assert outputs["register"].texts[0] == "detector"
