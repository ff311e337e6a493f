"""The help in MLRun's UI: equal to that of MLRun's own reader where it is right, and right elsewhere."""

import ast

import pytest
import yaml

from aletheia.project.entrypoints import entry_point, parse_docstring, public_functions
from aletheia.project.run_config import RunConfig

PLAIN = '''
@decorated
def train(context, data: mlrun.DataItem, lr: float = 0.001, layers: list[int] = [1, 2],
          name: str = "x", extra: dict = {"a": [1]}, flag: bool = False, other=None, **rest) -> dict:
    """Train it.

    In two paragraphs.

    :param data: the data,
        on two lines
    :param lr: rate: of learning
    :type lr: Rate
    :param name: the name
    :returns: what came out
    :rtype: Results
    """


def _helper(x=-1):
    pass


def simple(x):
    pass
'''


def test_entry_point_equals_mlrun_for_plain_handlers():
    from mlrun.runtimes.funcdoc import as_func, find_handlers

    expected = {handler["name"]: as_func(handler) for handler in find_handlers(PLAIN)}
    actual = {node.name: entry_point(node) for node in public_functions(ast.parse(PLAIN))}

    def comparable(entries):  # MLRun leaves the order of keys to chance, and says "no outputs" as None
        return {
            name: {key: value for key, value in entry.items() if value is not None} for name, entry in entries.items()
        }

    assert comparable(actual) == comparable(expected)
    assert list(actual) == ["train", "simple"]


def test_entry_point_hints_that_mlrun_misreads():
    text = '''
async def f(a: int = -1, b: tuple[int, ...] = (1, -2), c: "str | None" = None, *, d: list[str | None] = (),
            e: mlrun.DataItem | None = None, g: Literal["x", "y"] = "x", h: float = 1e-3):
    """Do.

    :param d: only by name
    """
'''
    entry = entry_point(public_functions(ast.parse(text))[0])
    read = {p["name"]: (p.get("type"), p.get("default", "none given")) for p in entry["parameters"]}
    assert read == {
        "a": ("int", -1),
        "b": ("tuple[int, ...]", [1, -2]),
        "c": ("str | None", None),
        "d": ("list[str | None]", []),
        "e": ("mlrun.DataItem | None", None),
        "g": ("Literal['x', 'y']", "x"),
        "h": ("float", 0.001),
    }
    assert entry["parameters"][3]["doc"] == "only by name"
    assert yaml.safe_load(yaml.safe_dump(entry)) == entry


@pytest.mark.parametrize("default", ["np.inf", "1 << 3", "float('inf')", "b'x'", "{1, 2}", "NAME", "f'{x}'"])
def test_entry_point_refuses_defaults_other_than_literals(default):
    with pytest.raises(ValueError):
        entry_point(ast.parse(f"def f(x={default}): ...").body[0])


def test_parse_docstring_reports_unread_fields():
    parsed = parse_docstring(
        "Text.\n\n:param a: first\nlost\n:return: no\n:raises ValueError: no\n:param b:\n    below"
    )
    assert parsed.params == {"a": "first", "b": "below"}
    assert [problem.count("lost") + problem.count(":return:") for problem in parsed.problems] == [1, 1, 0]
    assert ":raises:" in parsed.problems[2]


def test_entry_point_lists_options():
    text = "def f(context, seed: int = 3, **options):\n    pass\n\n\ndef g(x: int = 1):\n    pass"
    first, second = public_functions(ast.parse(text))
    parameters = entry_point(first, ["faces", "recipe"])["parameters"]
    assert [p["name"] for p in parameters[:2]] == ["context", "seed"] and parameters[1]["default"] == 3
    assert [p["name"] for p in parameters[2:]] == [n for n in RunConfig.option_names("faces", "recipe") if n != "seed"]
    assert parameters[2] == {
        "name": "image_size",
        "type": "int",
        "doc": "Side of the face crops that the network sees, pixels. (at least 32, at most 1024)",
        "default": 96,
    }
    assert (parameters[-1]["name"], parameters[-1]["type"], parameters[-1]["default"]) == ("recipe", "dict", {})
    assert [p["name"] for p in entry_point(second, ["faces"])["parameters"]] == ["x"]
