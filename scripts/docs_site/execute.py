"""Execute the notebooks on a small data set, for their pages: ``python scripts/docs_site/execute.py``.

They run in a copy of the project with a tracking service of its own, in a few minutes. The executed notebooks are build
products in ``build/notebooks``; ``make docs`` shows their outputs as long as the cells are those of ``notebooks/``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbformat
import papermill

from aletheia.project.run_config import RunConfig

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.checkout import fresh_checkout  # noqa: E402  the checkout is no installed package
from scripts.docs_site.notebooks import slim  # noqa: E402

TARGET = ROOT / "build" / "notebooks"
#: Smaller than the defaults. The data set keeps its size, so that the model passes the checks.
PARAMETERS = {
    "02-search-hyperparameters": {"learning_rates": [1e-3, 5e-3, 1e-2], "batch_sizes": [16, 32]},
    "08-cross-test": {"epochs": 4},
}


def execute(notebook: Path, target: Path) -> None:
    """Run a notebook in the working directory of its folder, and keep its outputs.

    Parameters
    ----------
    notebook : Path
        The notebook in the copy of the project.
    target : Path
        Where to write the executed notebook.
    """
    parameters = PARAMETERS.get(notebook.stem, {})
    # A notebook also takes the options of a run, which its first cell need not name.
    named = papermill.inspect_notebook(str(notebook)) if parameters else {}
    if unknown := set(parameters) - set(named) - set(RunConfig.model_fields):
        raise SystemExit(f"{notebook.name} has no parameter {', '.join(sorted(unknown))}.")
    papermill.execute_notebook(
        str(notebook), str(target), parameters, cwd=str(notebook.parent), progress_bar=False, kernel_name="python3"
    )
    node = nbformat.read(target, as_version=4)
    slim(node)
    nbformat.write(node, target)


def main() -> None:
    """Execute all notebooks in their order."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.ipynb"):
        old.unlink()
    with fresh_checkout() as (folder, environment):
        os.environ.clear()
        os.environ.update(environment)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        for notebook in sorted((folder / "notebooks").glob("*.ipynb")):
            start = time.monotonic()
            execute(notebook, TARGET / notebook.name)
            print(f"{notebook.name}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
