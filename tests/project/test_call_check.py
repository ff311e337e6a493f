"""Parameters and inputs that a handler does not have."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import SimpleNamespace

import mlrun
import pytest

from aletheia.core.errors import InputError
from aletheia.project.call_check import check_call, refuse_unknown
from aletheia.project.entrypoints import public_functions

FUNCTIONS = Path(__file__).parents[2] / "functions"
HANDLERS = [
    (path.parent.name, node.name)
    for path in sorted(FUNCTIONS.glob("*/function.py"))
    for node in public_functions(ast.parse(path.read_text()))
]


def closed(context, faces, seed=0):
    """Take just these."""
    return faces, seed


def with_options(context, faces, **options):
    """Take options of a run."""
    return faces, options


def open_ended(context, faces, **other):
    """Check what else it is given itself."""


def context(inputs=(), **params):
    return SimpleNamespace(parameters=params, inputs=dict.fromkeys(inputs, "url"))


@pytest.mark.parametrize(
    ("handler", "params", "inputs", "says"),
    [
        (closed, ["sed"], [], "closed has no parameter 'sed'; did you mean seed?"),
        (closed, [], ["images"], "closed has no input 'images'; there are: faces, seed."),
        (with_options, ["epoch"], [], "with_options has no parameter 'epoch'; did you mean epochs?"),
        (open_ended, ["sed"], ["face"], "open_ended has no input 'face'; did you mean faces?"),
    ],
)
def test_check_call_refuses(handler, params, inputs, says):
    for checked in (handler, refuse_unknown(handler)):
        with pytest.raises(InputError) as error:
            check_call(checked, params, inputs)
        assert str(error.value) == says


def test_check_call_lets_pass():
    check_call(closed, ["seed"], ["faces"])
    check_call(open_ended, ["anything"], ["faces"])
    check_call(with_options, ["epochs", "face_size", "weight_decay"], ["faces"])  # also a former name, and a column


def test_refuse_unknown_hands_on_what_fits():
    assert refuse_unknown(closed)(context(["faces"], seed=1), faces="f", seed=1) == ("f", 1)
    assert refuse_unknown(with_options)(context(["faces"], epochs=2), faces="f") == ("f", {"epochs": 2})


def test_refuse_unknown_names_a_misspelling_before_what_is_missing():
    with pytest.raises(InputError, match="with_options has no parameter 'epoch'; did you mean epochs"):
        refuse_unknown(with_options)(context(epoch=1))
    with pytest.raises(InputError, match="with_options needs 'faces', which it was not given"):
        refuse_unknown(with_options)(context(epochs=1))


def test_refuse_unknown_shows_mlrun_a_signature_without_options():
    shown = inspect.signature(refuse_unknown(with_options))
    assert list(shown.parameters) == ["context", "faces"]


@pytest.mark.parametrize(("function", "handler"), HANDLERS)
def test_every_handler_of_this_project_is_guarded(function, handler):
    tree = ast.parse((FUNCTIONS / function / "function.py").read_text())
    (node,) = (node for node in public_functions(tree) if node.name == handler)
    assert "refuse_unknown" in [ast.unparse(decorator) for decorator in node.decorator_list]


HANDLER = '''\
import mlrun

from aletheia.project import RunConfig, refuse_unknown


@refuse_unknown
def count(context: mlrun.MLClientCtx, faces: mlrun.DataItem, least: int = 1, **options):
    """Count."""
    context.log_results({"size": len(faces.get()), "least": least, "seed": RunConfig.parse(options).seed})
'''


def test_mlrun_shows_the_sentence(mlrun_project, tmp_path):
    """Not a KeyError, a TypeError, or nothing at all."""
    (tmp_path / "count.py").write_text(HANDLER)
    (tmp_path / "faces.txt").write_text("abc")
    mlrun_project.set_function(str(tmp_path / "count.py"), "count", kind="job", image="mlrun/mlrun", handler="count")

    def run(**arguments):
        return mlrun_project.run_function("count", local=True, **arguments)

    faces = {"faces": str(tmp_path / "faces.txt")}
    results = run(inputs=faces, params={"seed": 3, "least": 2}).status.results
    assert results == {"size": 3, "least": 2, "seed": 3}
    for arguments, says in (
        ({"inputs": {"face": "x", **faces}}, "count has no input 'face'; did you mean faces?"),
        ({"inputs": faces, "params": {"sed": 1}}, "count has no parameter 'sed'; did you mean seed?"),
        ({"params": {"leest": 1}}, "count has no parameter 'leest'; did you mean least?"),
        ({}, "count needs 'faces', which it was not given"),
    ):
        with pytest.raises(mlrun.runtimes.utils.RunError, match=says.replace("?", r"\?")):
            run(**arguments)
    grid = run(
        inputs=faces,
        hyperparams={"least": [1, 2]},
        hyper_param_options=mlrun.model.HyperParamOptions(selector="min.least"),
    )
    assert grid.status.results["best_iteration"] == 1
