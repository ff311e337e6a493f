"""Functions for notebooks: run a handler in place, show options, results, plots and pictures."""

from __future__ import annotations

import contextlib
import html
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import mlrun
from mlrun.model import HyperParamOptions, RunObject

from aletheia.core.errors import InputError
from aletheia.core.plot_library import needs_library, with_library
from aletheia.core.tempdirs import collect_temporary_files
from aletheia.plotting.library import library_shared
from aletheia.project.call_check import check_call
from aletheia.project.quiet import quiet_mlrun
from aletheia.project.run_config import RunConfig
from aletheia.project.run_ends import end_runs

if TYPE_CHECKING:
    from IPython.display import HTML, Image

#: The height of a Plotly figure, as its page states it.
_FIGURE_HEIGHT = re.compile(r'class="plotly-graph-div" style="height:(\d+)px')
_PAGE_HEIGHT = 520  # pixels, of a page that states none
_MARGIN = 20  # pixels, of a page's body


def run_handler(
    handler: Callable[..., Any],
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    hyperparams: Mapping[str, Sequence[Any]] | None = None,
    hyper_param_options: HyperParamOptions | None = None,
) -> RunObject:
    """Run a handler as it stands in this notebook, tracked like a step of the workflow.

    The run and its artifacts have the names that the workflow gives them, so that the next notebook finds them. Prints
    one line when it is done; MLRun's own lines are in the run's log.

    Raises
    ------
    InputError
        When no project is open, a grid has no values, or the handler has no such parameter or input.
    mlrun.runtimes.utils.RunError
        When the handler raises.
    """
    project = mlrun.get_current_project(silent=True)
    if project is None:
        raise InputError("No project is open. Run the cell with open_project() first.")
    for parameter, values in (hyperparams or {}).items():
        if not values:
            raise InputError(f"The grid has no values for {parameter}; give at least one.")
    check_call(handler, [*(params or ()), *(hyperparams or ())], inputs or ())
    name = handler.__name__.replace("_", "-")
    function, task = mlrun.new_function(name, project=project.name, kind="local"), mlrun.new_task()
    task.metadata.uid = uuid.uuid4().hex
    with quiet_mlrun(), collect_temporary_files("notebook"), _ended(task.metadata.uid, project.name):
        run = function.run(
            task,
            handler=handler,
            name=name,
            params=dict(params or {}),
            inputs=dict(inputs or {}),
            hyperparams={key: list(values) for key, values in hyperparams.items()} if hyperparams else None,
            hyper_param_options=hyper_param_options,
            output_path=project.artifact_path,
            local=True,
        )
    print(f"{name}: {run.state()} (run {run.metadata.uid[:8]})")
    return run


@contextlib.contextmanager
def _ended(uid: str, project: str) -> Iterator[None]:
    """End the run inside however it is left; add to the error of a grid why its cells failed."""
    try:
        yield
    except BaseException as error:
        database = mlrun.get_run_db()
        end_runs(database.list_runs(project=project, uid=uid), project, error)
        for run in database.list_runs(project=project, uid=uid):
            if run["spec"].get("hyperparams"):
                error.add_note(run["status"].get("error") or "")
        raise


def last_outputs(name: str) -> dict[str, Any]:
    """Return results and artifact URIs of the newest completed run of that name.

    Raises
    ------
    InputError
        When there is none.
    """
    project = mlrun.get_current_project(silent=True)
    runs = mlrun.get_run_db().list_runs(name=name, project=project.name, states=["completed"])
    if not runs:
        raise InputError(f"There is no completed run of {name}; run its notebook, or the workflow, first.")
    outputs: dict[str, Any] = RunObject.from_dict(runs[0]).outputs
    return outputs


def display_options(config: RunConfig, *names: str) -> HTML:
    """Display options, chosen by name or group, as a table: name, value, meaning."""
    rows = []
    for name in RunConfig.option_names(*names):
        value = html.escape(repr(getattr(config, name)))
        rows.append((f"<code>{name}</code>", f"<code>{value}</code>", html.escape(RunConfig.describe(name))))
    return _table(("option", "value", "meaning"), rows)


def display_results(run: RunObject, *names: str) -> HTML:
    """Display results of a run as a table: fractions with three decimals, lists with a line for each entry.

    Raises
    ------
    InputError
        When the run logged no such result.
    """
    results = run.status.results or {}
    if missing := [name for name in names if name not in results]:
        raise InputError(f"The run {run.metadata.name} logged no {missing[0]}; it logged: {', '.join(results)}.")
    rows = []
    for name in names or results:
        rows.append((html.escape(name.replace("_", " ")), _cell(results[name])))
    return _table(("result", "value"), rows)


def display_artifact(run: RunObject, key: str) -> HTML | Image:
    """Display the plot or picture ``key`` of a run, a plot at its own height.

    Raises
    ------
    InputError
        When the run logged no such plot.
    """
    from IPython.display import HTML, Image

    uris = run.status.artifact_uris or {}  # not run.outputs: for plots that holds bare paths
    if key not in uris:
        raise InputError(f"The run {run.metadata.name} logged no {key}; it logged: {', '.join(uris)}.")
    content = mlrun.get_dataitem(uris[key]).get()
    if content.startswith(b"\x89PNG"):
        return Image(content)  # type: ignore[no-untyped-call]
    page = content.decode()
    if needs_library(page):
        holds = _library_cell.claim()
        page = with_library(page, library_shared(holds_library=holds, address=str(mlrun.mlconf.dbpath or "")))
    stated = _FIGURE_HEIGHT.search(page)
    height = int(stated[1]) + _MARGIN if stated else _PAGE_HEIGHT
    # A frame of its own keeps the plot's scripts away from the notebook's; the block around it, IPython's advice.
    escaped = page.replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<iframe srcdoc="{escaped}" width="100%" height="{height}" frameborder="0"></iframe>'
    return HTML(f"<div>{frame}</div>")  # type: ignore[no-untyped-call]


class _LibraryCell:
    """Which cell of the notebook shows the frame that holds the library of plots for all the others."""

    def __init__(self) -> None:
        self._holder: tuple[str, int] | None = None

    def claim(self) -> bool:
        """Return whether the cell that runs now must show the library: it is the first, or is that cell run again."""
        from IPython.core.getipython import get_ipython

        shell = get_ipython()  # type: ignore[no-untyped-call]
        if shell is None:
            return True
        parent: dict[str, Any] = getattr(shell, "get_parent", dict)()
        source = parent.get("content", {}).get("code", "")
        now = (str(parent.get("metadata", {}).get("cellId") or source), int(shell.execution_count))
        if self._holder is not None and (self._holder == now or self._holder[0] != now[0]):
            return False
        self._holder = now
        return True


_library_cell = _LibraryCell()


def local_path(target: str) -> str:
    """Return the file behind a target path, which may be written as a ``file://`` URL."""
    parts = urlparse(target)
    return unquote(parts.path) if parts.scheme == "file" else target


def _cell(value: Any) -> str:
    """Write a result as a cell of HTML."""
    if isinstance(value, Mapping):
        value = [f"{key}: {one}" for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return "<br>".join(html.escape(str(one)) for one in value) or "none"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < float("inf") else f"{value:.3f}"
    return html.escape(str(value))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> HTML:
    """Lay out cells of HTML as a table, aligned to the left, texts wrapped."""
    from IPython.display import HTML

    style = 'style="text-align: left; white-space: normal"'
    lines = ["<tr>" + "".join(f"<th {style}>{head}</th>" for head in heads) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td {style}>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return HTML(f"<table>{''.join(lines)}</table>")  # type: ignore[no-untyped-call]
