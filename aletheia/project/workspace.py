"""Loading of the project: the tracking service answers, and the functions are those of the notebooks."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.core.paths import project_root
from aletheia.release.registry import PROJECT

if TYPE_CHECKING:
    import mlrun

PROJECT_NAME = PROJECT
#: Folder of a run's artifacts, below the project's; MLRun fills in the run's uid.
ARTIFACTS = Path("artifacts") / "{{run.uid}}"


def open_project(start: str | Path | None = None) -> mlrun.projects.MlrunProject:
    """Load the project with a tracking service behind it.

    The first line of every notebook. Starts the embedded tracking service when ``MLRUN_DBPATH`` names no other,
    loads ``project.yaml`` and regenerates the function of any notebook that was edited since. From then on a
    kernel shows what a user can mend as one sentence. Runs that a killed process of this host left are ended first.

    Raises
    ------
    InputError
        When there is no project, or the tracking service that was named does not answer.
    """
    from aletheia.tracking import ensure_tracking

    root = project_root(start)
    address = ensure_tracking()
    import mlrun

    from aletheia.project.notebook_errors import install
    from aletheia.project.quiet import quiet_mlrun
    from aletheia.tracking.reader import Reader
    from aletheia.tracking.run_process import end_lost_runs

    install()
    with Reader(address) as reader, contextlib.suppress(InputError):  # may only be refused; MLRun says what else is
        end_lost_runs(reader, PROJECT_NAME)

    with quiet_mlrun():
        return mlrun.load_project(context=str(root), name=PROJECT_NAME, save=False)  # set_up saves


def set_up(project: mlrun.projects.MlrunProject) -> mlrun.projects.MlrunProject:
    """Connect a project that MLRun has just loaded; ``project_setup.py`` calls it."""
    import mlrun

    from aletheia.project.functions import build_functions, function_names, outdated
    from aletheia.project.project_yaml import keep_definition
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.mlflow_mirror import start_mirror

    root = Path(project.spec.context).resolve()
    address = ensure_tracking()
    if stale := outdated(root):
        print(f"Edited since their functions were generated, generating them anew: {', '.join(stale)}")
        build_functions(root, stale)
        for name in stale:
            project.set_function(f"functions/{name}/function.yaml", name=name)
    if not mlrun.mlconf.is_api_running_on_k8s():
        project.artifact_path = str(root / ARTIFACTS)
    keep_definition(project, function_names(root))
    # MLRun may have loaded the project before there was a database to save it to.
    project.save_to_db()
    for name in function_names(root):
        # With the project's image; a run stores a copy of it without handler and image only.
        project.get_function(name, enrich=True).save(versioned=True)
    start_mirror(address, project.metadata.name)
    return project
