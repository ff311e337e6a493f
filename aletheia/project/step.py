"""One step of the workflow by itself: a function of the project with files as its inputs and outputs.

It is the same function, in the same project, with a run in the same tracking service as in the workflow. What that
hands on by addresses of artifacts lies in files here, so that a program like DVC can keep them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aletheia.core.environment import explain_text
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.paths import data_folder
from aletheia.core.plot_library import library_inside, needs_library, with_library
from aletheia.core.tempdirs import collect_temporary_files
from aletheia.datasets.packed import pack_tables, unpack_tables
from aletheia.project.call_check import unknown_text
from aletheia.project.quiet import WarningsOnly
from aletheia.project.workspace import open_project
from aletheia.release.registry import fetch_model


@dataclasses.dataclass(frozen=True)
class StepFiles:
    """Files of a step.

    Attributes
    ----------
    tables : list of Path
        Archives of tables (`aletheia.datasets.packed`): each table goes to the input, or else the option, of its name.
    inputs : dict
        Files or folders by the input that they are.
    outputs : dict
        Where artifacts are copied to, by their keys. A table is written as the suffix says.
    packed : Path, optional
        Archive to write of all tables of pictures that the step logs.
    results, metrics : Path, optional
        JSON to write of its results, and of those that are finite numbers.
    """

    tables: Sequence[Path] = ()
    inputs: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    outputs: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    packed: Path | None = None
    results: Path | None = None
    metrics: Path | None = None


def run_step(name: str, params: Mapping[str, Any], files: StepFiles) -> dict[str, Any]:
    """Run a function of the project, and write its outputs to files.

    Parameters
    ----------
    name : str
        Of ``project.yaml``.
    params : mapping
        Parameters and options of its handler.
    files : StepFiles

    Returns
    -------
    dict
        Its results.

    Raises
    ------
    InputError
        For a function, parameter, input, output or file that there is not, and when the step fails for a reason that
        the user can mend.
    RuntimeError
        When it fails otherwise.
    """
    entry = _entry(name)
    import mlrun

    values, inputs = dict(params), {key: str(_present(path)) for key, path in files.inputs.items()}
    for archive in files.tables:
        _add_tables(archive, entry, inputs, values)
    InputError.raised.clear()
    with collect_temporary_files("step"):
        with _captured() as printed:
            try:
                run = mlrun.run_function(name, name=name, params=values, inputs=inputs, local=True)
            except Exception as error:  # MLRun wraps whatever the handler raises
                raise _failure(name, error, printed.getvalue()) from error
        print(printed.getvalue(), end="", file=sys.stderr)
        results = dict(run.status.results or {})
        _write(name, dict(run.status.artifact_uris or {}), results, files)
    return results


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    """Collect what the handler prints, and of MLRun's lines those that are no information: they are printed once."""
    import mlrun

    printed = io.StringIO()
    stream: Any = WarningsOnly(printed)
    handler, utils = mlrun.utils.logger.get_handler("default"), mlrun.runtimes.utils
    original, stderr, show_tables = handler.stream, utils.stderr, mlrun.mlconf.ipython_widget
    mlrun.utils.logger.replace_handler_stream("default", stream)
    utils.stderr, mlrun.mlconf.ipython_widget = stream, False
    try:
        with contextlib.redirect_stdout(stream):
            yield printed
    finally:
        mlrun.utils.logger.replace_handler_stream("default", original)
        utils.stderr, mlrun.mlconf.ipython_widget = stderr, show_tables


def _entry(name: str) -> dict[str, Any]:
    """Return what the project's function says of its handler."""
    project = open_project()
    names = [function["name"] for function in project.spec.functions]
    if name not in names:
        raise InputError(f"The project has no function {name!r}; there are: {', '.join(names)}.")
    spec = project.get_function(name).spec
    entry: dict[str, Any] = spec.entry_points[spec.default_handler]
    return entry


def _present(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"There is no {path}, which the step reads.")
    return path.resolve()


def _add_tables(archive: Path, entry: Mapping[str, Any], inputs: dict[str, str], values: dict[str, Any]) -> None:
    kinds = {parameter["name"]: parameter.get("type") for parameter in entry["parameters"]}
    for name, table in unpack_tables(archive, data_folder() / "unpacked").items():
        if name in kinds:
            (inputs if kinds[name] == "DataItem" else values).setdefault(name, str(table))


def _failure(name: str, error: Exception, printed: str) -> Exception:
    if InputError.raised:
        return InputError(f"{name} failed. {InputError.raised[-1]}")
    sentence = explain_text(str(error))
    if sentence:
        return InputError(f"{name} failed. {sentence}")
    print(printed, end="", file=sys.stderr)
    return RuntimeError(f"{name} failed. {error}")


def _write(name: str, artifacts: dict[str, str], results: dict[str, Any], files: StepFiles) -> None:
    for key, target in files.outputs.items():
        if key not in artifacts:
            raise InputError(unknown_text(name, "output", key, artifacts))
        _copy_artifact(artifacts[key], target)
    if files.packed:
        logged = [key for key, uri in artifacts.items() if uri.startswith("store://datasets/")]
        pack_tables({key: _item(artifacts[key]).as_df() for key in logged}, files.packed)
    numbers = {key: value for key, value in results.items() if _is_number(value)}
    for written, content in ((files.results, results), (files.metrics, numbers)):
        if written:
            written.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(written) as file:
                file.write((json.dumps(content, indent=1, sort_keys=True, default=str) + "\n").encode())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _copy_artifact(uri: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if uri.startswith("store://models/"):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(fetch_model(uri), target)
        return
    source = Path(_item(uri).local())
    if source.suffix == ".html" and needs_library(page := source.read_text("utf-8")):
        target.write_text(with_library(page, library_inside()), "utf-8")  # the library lies beside the artifacts alone
    elif target.suffix == ".csv" and source.suffix == ".parquet":
        pd.read_parquet(source).to_csv(target, index=False)
    else:
        shutil.copyfile(source, target)


def _item(uri: str) -> Any:
    import mlrun

    return mlrun.get_dataitem(uri)
