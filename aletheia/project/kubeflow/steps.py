"""The steps of a workflow, recorded by calling it with values that remember which option they are of."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.workflow import options_class


@dataclasses.dataclass(frozen=True)
class StepOutput:
    """What a step will have made: the place of an artifact, or a result."""

    step: str
    key: str

    def __bool__(self) -> bool:
        """Refuse: a branch on a result would be taken for good, whatever the result will be."""
        raise InputError(
            f"The workflow decides by the output {self.key!r} of its step {self.step!r}, which is known only when that "
            "has run; a compiled pipeline is fixed before. Let the step that depends on it decide, or run the workflow "
            "with --engine local."
        )


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of ``mlrun.run_function``.

    Attributes
    ----------
    name, function, handler : str
        Of the step; an empty handler is the function's default.
    params, inputs, hyperparams, labels : dict
        Values; a `StepOutput` stands for what another step makes, and a value of `tag_options` for an option.
    hyper_param_options : dict
        Strategy and selector of a grid; empty without one.
    outputs : tuple of str
        Artifacts and results that other steps may use.
    only_with : str
        Name of the option without which the workflow leaves this step out; empty: it is always there.
    """

    name: str
    function: str
    handler: str
    params: dict[str, Any]
    inputs: dict[str, Any]
    hyperparams: dict[str, Any]
    hyper_param_options: dict[str, Any]
    labels: dict[str, Any]
    outputs: tuple[str, ...]
    only_with: str = ""


class _Outputs(dict[str, StepOutput]):
    def __init__(self, step: str, keys: tuple[str, ...]) -> None:
        super().__init__({key: StepOutput(step, key) for key in keys})
        self._step = step

    def __missing__(self, key: str) -> StepOutput:
        raise InputError(f"The step {self._step!r} has no output {key!r}; its outputs are {', '.join(self) or 'none'}.")


class _Recorded:
    def __init__(self, step: Step) -> None:
        self.outputs = _Outputs(step.name, step.outputs)


class _Int(int):
    option: str


class _Float(float):
    option: str


class _Str(str):
    option: str


class _List(list[Any]):
    option: str


class _Dict(dict[str, Any]):
    option: str


_TAGGED = {int: _Int, float: _Float, str: _Str, list: _List, dict: _Dict}


def tag_options(config: RunConfig) -> RunConfig:
    """Return a copy whose values know the option that they are the value of, whatever a workflow calls them then.

    They are numbers, texts, lists and dictionaries as before. Of True, False and None Python allows no such copies:
    `option_of` takes the option of the parameter's name for those.
    """
    values = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if kind := _TAGGED.get(type(value)):
            value = kind(value)
            value.option = name
        values[name] = value
    return RunConfig.model_construct(**values)


def option_of(name: str, value: Any) -> str:
    """Return the option that a parameter's value came from; empty for another value."""
    if isinstance(value, _Int | _Float | _Str | _List | _Dict):
        return value.option
    return name if (value is None or isinstance(value, bool)) and name in RunConfig.model_fields else ""


def record_steps(file: Path, config: RunConfig, handler: str = "main") -> list[Step]:
    """Call a workflow without running anything, and return the steps that it would run.

    Steps that an option with a list or a text decides on (such as a cross test for every group that is left out) are
    among them, with `Step.only_with`.

    Parameters
    ----------
    file : path
        The workflow's source, such as ``workflows/main.py``.
    config : RunConfig
        Its options.
    handler : str
        The function in it.

    Raises
    ------
    InputError
        When the file or the function is not there, the workflow is no `takes_config` one, its options are completed
        from what is registered when it runs, it decides by the output of a step, two steps have one name, or a step
        asks for an output that another does not have.
    """
    workflow = _load(file, handler)
    if (kind := options_class(workflow)) is not RunConfig:
        raise InputError(
            f"The workflow {handler!r} cannot be compiled: its {kind.__name__} looks up what it starts from, such as "
            "the model in production, when it runs; a compiled pipeline is fixed before. Run it where the tracking "
            f"server is reached: mlrun project ./ -r {handler} --engine local."
        )
    steps = _record(workflow, config)
    names = [step.name for step in steps]
    for option in _deciding_options(workflow):
        if getattr(config, option):
            continue
        with_it = _record(workflow, config.model_copy(update={option: _something(option)}))
        for place, step in enumerate(with_it):
            if step.name not in names:
                steps.insert(place, dataclasses.replace(step, only_with=option))
                names.insert(place, step.name)
    for option in _deciding_options(workflow):
        if getattr(config, option):
            without = {step.name for step in _record(workflow, config.model_copy(update={option: _nothing(option)}))}
            steps = [step if step.name in without else dataclasses.replace(step, only_with=option) for step in steps]
    return steps


def _record(workflow: Callable[[RunConfig], Any], config: RunConfig) -> list[Step]:
    steps: list[Step] = []

    def run_function(
        function: str,
        handler: str = "",
        name: str = "",
        params: Mapping[str, Any] | None = None,
        hyperparams: Mapping[str, Any] | None = None,
        hyper_param_options: Any = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: list[str] | None = None,
        labels: Mapping[str, Any] | None = None,
    ) -> _Recorded:
        if any(step.name == (name or function) for step in steps):
            raise InputError(f"Two steps of the workflow are called {name or function!r}; name one differently.")
        steps.append(
            Step(
                name=name or function,
                function=function,
                handler=handler,
                params=dict(params or {}),
                inputs=dict(inputs or {}),
                hyperparams=dict(hyperparams or {}),
                hyper_param_options=hyper_param_options.to_dict() if hyper_param_options else {},
                labels=dict(labels or {}),
                outputs=tuple(outputs or ()),
            )
        )
        return _Recorded(steps[-1])

    with _instead_of_running(run_function):
        workflow(tag_options(config))
    return steps


@contextlib.contextmanager
def _instead_of_running(run_function: Callable[..., Any]) -> Iterator[None]:
    import mlrun

    original = mlrun.run_function
    mlrun.run_function = run_function
    try:
        yield
    finally:
        mlrun.run_function = original


def _load(file: Path, handler: str) -> Callable[[RunConfig], Any]:
    spec = importlib.util.spec_from_file_location("aletheia_workflow", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise InputError(f"There is no workflow {file}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    workflow = getattr(module, handler, None)
    inner = getattr(workflow, "__wrapped__", None)
    if inner is None:
        raise InputError(f"{file} has no function {handler!r} under @takes_config.")
    return inner  # type: ignore[no-any-return]


def _deciding_options(workflow: Callable[[RunConfig], Any]) -> list[str]:
    """Options in the tests of the workflow's ``if`` statements, as ``if config.leave_out:``."""
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(workflow)))
    found: list[str] = []
    for node in ast.walk(tree):
        test = node.test if isinstance(node, ast.If) else None
        if isinstance(test, ast.Attribute) and test.attr in RunConfig.model_fields and test.attr not in found:
            found.append(test.attr)
    return found


def _something(option: str) -> Any:
    default = RunConfig.default_of(option)
    return ["something"] if isinstance(default, list | tuple) else True if isinstance(default, bool) else "something"


def _nothing(option: str) -> Any:
    default = RunConfig.default_of(option)
    return [] if isinstance(default, list | tuple) else False if isinstance(default, bool) else ""
