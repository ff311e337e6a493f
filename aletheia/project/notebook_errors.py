"""Errors in a notebook as one sentence: what is wrong, or which notebook to run first, without a traceback."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any

from aletheia.core.errors import InputError
from aletheia.core.paths import project_root

#: What a step logged, as MLRun's messages name it: a key such as ``prepare-data_train``.
_KEY = re.compile(r"\b(?P<step>[a-z]+(?:-[a-z]+)*)_(?P<key>[a-z]\w*)")


def error_sentence(error: BaseException, root: Path | None = None) -> str | None:
    """Return what a user can do about an error; None for a defect, whose traceback is needed.

    Parameters
    ----------
    error : BaseException
        As a cell raised it. MLRun turns what a handler raises into a text, in which the sentence is looked for.
    root : Path, optional
        Of the project; by default the one of the working directory.
    """
    import mlrun

    if isinstance(error, InputError):
        return str(error)
    is_missing = isinstance(error, OSError) and "store://" in str(error)  # as MLRun raises it
    if not is_missing and not isinstance(error, (mlrun.errors.MLRunBaseError, mlrun.runtimes.utils.RunError)):
        return None
    for message in reversed(InputError.raised):
        if message and message in str(error):
            return message
    return missing_sentence(str(error), root or project_root())


def missing_sentence(text: str, root: Path) -> str | None:
    """Return which notebook writes the artifact that a message of MLRun misses, if it is about one."""
    if "not found" not in text.lower() and "not exist" not in text.lower():
        return None
    if "detector" in text:
        return "No such model is registered. Run 05-register first; what it did not release has the tag candidate."
    for match in _KEY.finditer(text):
        for notebook in (root / "notebooks").glob("[0-9]*.ipynb"):
            if notebook.stem.partition("-")[2] == match["step"]:
                return f"There is no {match[0]} yet. Run {notebook.stem} first, or the workflow."
    return None


def install() -> None:
    """Let the notebook's kernel show such errors as their sentence; without a kernel nothing happens."""
    from IPython.core.getipython import get_ipython
    from mlrun.errors import MLRunBaseError
    from mlrun.runtimes.utils import RunError

    shell = get_ipython()  # type: ignore[no-untyped-call]
    if shell is not None:
        shell.set_custom_exc((InputError, MLRunBaseError, RunError, OSError), _show)


def _show(shell: Any, kind: type[BaseException], error: BaseException, tb: TracebackType, tb_offset: Any = None) -> Any:
    sentence = error_sentence(error)
    if sentence is None:
        shell.showtraceback((kind, error, tb), tb_offset=tb_offset, running_compiled_code=True)
        return None
    # The hook by which kernels send errors: the cell has failed, also for papermill.
    shell._showtraceback(kind, error, [sentence])
    return [sentence]
