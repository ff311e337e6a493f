"""Folders of the project: its root and its data."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aletheia.core.errors import InputError

#: An address with one of the schemes that MLRun reads, or its store; a scheme of one letter is a drive of Windows.
_REMOTE = re.compile(
    r"(s3|gs|gcs|https?|v3io|v3ios|az|azure|abfss?|wasbs?|dbfs|hdfs|oss|ftp|redis|rediss|store|ds)://?(\S.*)",
    re.IGNORECASE,
)
_BY_MLRUN = 'mlrun.get_dataitem("{url}").download("file")'
_FETCH = {
    "s3": "aws s3 sync {url} folder",
    "gs": "gcloud storage cp -r {url} folder",
    "gcs": "gcloud storage cp -r {url} folder",
    "http": "curl -fLO {url}",
    "https": "curl -fLO {url}",
}


def project_root(start: str | Path | None = None) -> Path:
    """Find the folder with ``project.yaml``: ``start`` (default: the working directory) or the nearest one above it.

    The environment variable ``ALETHEIA_PROJECT`` names it from anywhere.

    Raises
    ------
    InputError
        When there is no such folder.
    """
    named = os.environ.get("ALETHEIA_PROJECT") if start is None else None
    start = Path(named or start or ".").resolve()
    for folder in (start, *start.parents):
        if (folder / "project.yaml").is_file():
            return folder
    raise InputError(
        f"No project.yaml in {start} or above it. Run this inside the project, or name the project's folder "
        "in ALETHEIA_PROJECT."
    )


def check_is_local(source: str | Path) -> None:
    """Refuse a source that lies in an object store or on another machine: only files of this machine are read.

    `Path` makes one slash of two, so that ``s3:/bucket`` is recognised as well.

    Raises
    ------
    InputError
        With the way to fetch it.
    """
    found = _REMOTE.fullmatch(str(source))
    if found is None:
        return
    url = f"{found[1]}://{found[2]}"
    raise InputError(
        f"{url} lies on another machine, and only files of this one are read. Fetch it first, and name the copy: "
        f"{_FETCH.get(found[1].lower(), _BY_MLRUN).format(url=url)}"
    )


def is_inside(path: str, folder: str, *, follow_links: bool) -> bool:
    """Check whether a path lies under a folder.

    Parameters
    ----------
    path : str
        Absolute, or relative to the folder unless links are followed.
    folder : str
        Absolute; its real path if links are followed.
    follow_links : bool
        Follow the links of the path; else only its ``..`` are resolved, and the file need not exist.
    """
    place = os.path.realpath(path) if follow_links else os.path.normpath(Path(folder, path))
    return place.startswith(folder.rstrip(os.sep) + os.sep)


def data_folder() -> Path:
    """Return the folder for generated data and face crops: ``ALETHEIA_DATA``, else ``data/`` of the project.

    Outside a project (in a pod, say) it is ``data/`` of the working directory.
    """
    named = os.environ.get("ALETHEIA_DATA")
    if named:
        return Path(named).resolve()
    try:
        return project_root() / "data"
    except InputError:
        return Path("data").resolve()
