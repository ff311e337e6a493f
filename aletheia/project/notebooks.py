"""Notebooks: their cells, the marked region, and the configuration of the function that the region becomes.

A notebook ``notebooks/NN-name.ipynb`` becomes the MLRun function ``name``. The code of the function stands in cells
between two comment lines that MLRun itself knows, each on a line of its own::

    # mlrun: start-code
    # mlrun: end-code

Most functions need no configuration: a region with one public function becomes a job whose handler that
function is, described by the first paragraph of its docstring, on the project's ``default_image``. Anything else is
configured in comment lines inside the region, as ``key=value`` words (quoted where there are spaces)::

    # mlrun: config kind=serving class=DetectorServer
    # mlrun: config labels='{"stage": "serving"}' requirements='["timm==1.0.31"]'
    # mlrun: config options='["data", "faces"]'

The keys are those of :class:`FunctionConfig`. They are comments (and not notebook metadata) so that they are
seen where they matter and survive in ``function.py``; Python and MLRun's own converter pass over them.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig

FOLDER = "notebooks"
FILE_NAME = re.compile(r"\d{2,}-(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)\.ipynb")
#: Wherever this stands in a code cell MLRun takes it for a marker, be it in the middle of a line.
MARKER = re.compile(r"#[ \t]*(?:nuclio|mlrun):[ \t]*(?P<kind>start-code|end-code)[ \t]*(?P<name>\S*)")
IGNORE = re.compile(r"#[ \t]*(?:nuclio|mlrun):[ \t]*ignore")
IGNORED_TAGS = {"mlrun-ignore", "nuclio-ignore"}
CONFIG = re.compile(r"[ \t]*#[ \t]*mlrun:[ \t]*config\b[ \t]*(?P<rest>.*)")


@dataclass(frozen=True)
class Cell:
    """One cell; ``number`` counts all cells from 1."""

    number: int
    kind: str
    lines: tuple[str, ...]
    tags: frozenset[str]
    metadata: dict[str, Any]
    has_outputs: bool
    execution_count: int | None

    @property
    def is_code(self) -> bool:
        """Whether MLRun reads the cell: code, and not marked to be ignored."""
        return self.kind == "code" and not (self.tags & IGNORED_TAGS or any(IGNORE.search(line) for line in self.lines))


@dataclass(frozen=True)
class Notebook:
    """A notebook as read, with names that need no path of this machine."""

    path: Path
    cells: tuple[Cell, ...]
    metadata: dict[str, Any]

    @property
    def file(self) -> str:
        """Its name in messages and generated files: ``notebooks/03-train.ipynb``."""
        return f"{FOLDER}/{self.path.name}"

    @property
    def name(self) -> str:
        """The function's name."""
        return function_name(self.path)


@dataclass(frozen=True)
class Marker:
    """A start or end marker.

    Attributes
    ----------
    kind : str
        ``start-code`` or ``end-code``.
    name : str
        The word behind it, which MLRun takes for a name; empty when there is none.
    is_alone : bool
        Whether the line holds nothing else.
    """

    kind: str
    cell: int
    line: int
    name: str
    is_alone: bool


@dataclass(frozen=True)
class Region:
    """The marked code; ``origin[i]`` is the (cell, line) of the notebook that line ``i`` of it comes from."""

    code: str
    origin: tuple[tuple[int, int], ...]

    def place(self, line: int) -> dict[str, int]:
        """Return the place of a line (from 1) of the code in the notebook, as arguments for a Finding."""
        cell, line = self.origin[min(max(line, 1), len(self.origin)) - 1]
        return {"cell": cell, "line": line}


class FunctionConfig(BaseModel):
    """Configuration of a function in its region.

    The keys are MLRun's (``class`` is its ``default_class``), and two of ours: ``options``, options of a run, or groups
    of them, that the handlers take as ``**options``; ``outputs``, what other steps may take of what the handlers log.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["job", "serving"] = "job"
    handler: str = ""
    default_class: str = Field("", alias="class")
    description: str = ""
    image: str = ""
    labels: dict[str, str] = {}
    categories: list[str] = []
    requirements: list[str] = []
    options: list[str] = []
    outputs: list[str] = []

    @field_validator("options")
    @classmethod
    def _check_options(cls, names: list[str]) -> list[str]:
        RunConfig.option_names(*names)
        return names


def function_name(path: Path) -> str:
    """Return the name of the function that a notebook becomes; for a file that is not ``NN-name.ipynb``, its stem."""
    match = FILE_NAME.fullmatch(path.name)
    return match["name"] if match else path.stem


def notebook_paths(project_root: Path) -> list[Path]:
    """Return all notebooks of a project, in order of their names.

    Raises
    ------
    InputError
        When the project has no folder of notebooks or none in it.
    """
    folder = Path(project_root) / FOLDER
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Name the project's folder, which has {FOLDER}/ in it.")
    paths = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    if not paths:
        raise InputError(f"There is no notebook in {folder}. Each function is made from one, NN-name.ipynb.")
    return paths


def read_notebook(path: Path) -> Notebook:
    """Read and validate a notebook (nbformat 4).

    Raises
    ------
    InputError
        When the file cannot be read or is no notebook.
    """
    # jsonschema, which validates, would build grammars of addresses for a second; notebooks hold no such format.
    grammars = sys.modules.get("rfc3987_syntax")
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # an import of it fails, which jsonschema allows
    try:
        import nbformat
    finally:
        del sys.modules["rfc3987_syntax"]
        if grammars is not None:
            sys.modules["rfc3987_syntax"] = grammars

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing cell id is repaired by reading
            node = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(node)
    except Exception as error:  # nbformat raises a dozen kinds, and KeyError or AttributeError on stray JSON
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{path} is no readable notebook ({reason}). Restore it from git, or save it from JupyterLab."
        ) from None
    cells = tuple(
        Cell(
            number=number,
            kind=cell.cell_type,
            lines=tuple(re.split(r"\r\n|\r|\n", cell.source)),
            tags=frozenset(cell.metadata.get("tags", [])),
            metadata=dict(cell.metadata),
            has_outputs=bool(cell.get("outputs")),
            execution_count=cell.get("execution_count"),
        )
        for number, cell in enumerate(node.cells, 1)
    )
    return Notebook(path=path, cells=cells, metadata=dict(node.metadata))


def markers(notebook: Notebook) -> Iterator[Marker]:
    """Yield every place that MLRun would take for a start or end marker, in order."""
    for cell in notebook.cells:
        if not cell.is_code:
            continue
        for number, line in enumerate(cell.lines, 1):
            for match in MARKER.finditer(line):
                is_alone = line.strip() == match[0].strip() and not match["name"]
                yield Marker(match["kind"], cell.number, number, match["name"], is_alone)


def find_region(notebook: Notebook) -> Region | None:
    """Return the marked code, or None unless there is exactly one region with start, end and something between."""
    all_markers = list(markers(notebook))
    if [marker.kind for marker in all_markers] != ["start-code", "end-code"]:
        return None
    start, end = all_markers
    code: list[str] = []
    origin: list[tuple[int, int]] = []
    for cell in notebook.cells[start.cell - 1 : end.cell]:
        if not cell.is_code:
            continue
        first = start.line if cell.number == start.cell else 0
        last = end.line - 1 if cell.number == end.cell else len(cell.lines)
        lines = [(line, number) for number, line in enumerate(cell.lines, 1) if first < number <= last]
        while lines and not lines[0][0].strip():
            lines.pop(0)
        while lines and not lines[-1][0].strip():
            lines.pop()
        if not lines:
            continue
        if code:
            code += ["", ""]
            origin += [(cell.number, lines[0][1])] * 2
        code += [line for line, _ in lines]
        origin += [(cell.number, number) for _, number in lines]
    return Region("\n".join(code) + "\n", tuple(origin)) if code else None


def config_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the ``# mlrun: config`` lines among ``lines``, each as (number from 1, the rest of the line)."""
    for number, line in enumerate(lines, 1):
        if match := CONFIG.match(line):
            yield number, match["rest"]


def read_config(region: Region) -> tuple[FunctionConfig, list[tuple[int, str]]]:
    """Read the ``# mlrun: config`` lines of a region.

    Returns
    -------
    config : FunctionConfig
        The defaults when a value does not fit.
    problems : list of (int, str)
        Lines of the region that cannot be used, and why.
    """
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    problems: list[tuple[int, str]] = []
    for number, rest in config_lines(region.code.split("\n")):
        try:
            words = shlex.split(rest)
        except ValueError as error:
            problems.append((number, f"{rest!r} cannot be split into words: {error}."))
            continue
        for word in words or [""]:
            key, equals, text = word.partition("=")
            if not (key and equals and text):
                problems.append((number, f"{word!r} is not of the form key=value."))
            elif key in values:
                problems.append((number, f"The key {key!r} is configured twice."))
            else:
                values[key], lines[key] = _value(text), number
    try:
        return FunctionConfig(**values), problems
    except ValidationError as error:
        for entry in error.errors():
            key = str(entry["loc"][0])
            problems.append((lines[key], f"Configuration {key!r}: {entry['msg']}."))
        return FunctionConfig(), problems


def _value(text: str) -> Any:
    """Parse a list or an object in JSON; any other text is returned as it is."""
    if text[0] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            pass
    return text
