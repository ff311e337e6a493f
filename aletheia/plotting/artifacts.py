"""Artifacts with plots: all pages of a store of artifacts share one copy of the library."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlparse

import mlrun
import plotly.graph_objects as go
from mlrun.artifacts import Artifact, PlotlyArtifact

from aletheia.core.plot_library import with_library, write_library
from aletheia.plotting.html import figure_page
from aletheia.plotting.library import library_linked


class _SharedLibrary:
    """Link the library on this machine; on a remote store the page keeps its own copy.

    From there a page is read alone: MLRun's UI and whoever downloads it get its text, and no file beside it.
    """

    page: str
    spec: Any

    def before_log(self) -> None:
        """Write the library into the folder of all runs' artifacts, and link it."""
        super().before_log()  # type: ignore[misc]  # the artifact that this is mixed into
        place = urlparse(str(self.spec.target_path))
        if place.scheme not in ("", "file"):
            return
        folder = Path(unquote(place.path) if place.scheme else str(self.spec.target_path)).parent
        store = _store(folder, str((self.spec.producer or {}).get("uri", "")))
        write_library(store)
        relative = PurePosixPath(os.path.relpath(store, folder)).as_posix()
        self.page = with_library(self.page, library_linked(relative, str(mlrun.mlconf.dbpath or "")))

    def get_body(self) -> str:
        """Return the page."""
        return self.page


class FigureArtifact(_SharedLibrary, PlotlyArtifact):  # type: ignore[misc]  # MLRun has no types
    """A figure, as the page that shows it.

    Parameters
    ----------
    key : str
        Name of the artifact.
    figure : plotly.graph_objects.Figure
        What it shows.
    """

    def __init__(self, key: str, figure: go.Figure) -> None:
        super().__init__(figure=figure, key=key)
        self.page = figure_page(figure)


class PageArtifact(_SharedLibrary, Artifact):  # type: ignore[misc]  # MLRun has no types
    """A page of `aletheia.reports`.

    Parameters
    ----------
    key : str
        Name of the artifact.
    page : str
        The page with the library inside.
    """

    def __init__(self, key: str, page: str) -> None:
        super().__init__(key, format="html")
        self.page = page


def _store(folder: Path, producer: str) -> Path:
    """Return the folder that holds the folders of all runs; the page's own if it is in no folder of its run."""
    run = producer.rpartition("/")[2].partition("-")[0]  # <project>/<uid>[-<iteration>]
    for parent in (folder, *folder.parents):
        if run and parent.name == run:
            return parent.parent
    return folder
