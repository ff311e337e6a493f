"""Errors of a notebook: one sentence for what a user can mend, the traceback for a defect."""

from __future__ import annotations

import mlrun
import pytest
from IPython.core.interactiveshell import InteractiveShell

from aletheia.core.errors import InputError
from aletheia.project import notebook_errors
from aletheia.project.notebook_errors import error_sentence, install

MISSING = "artifact store://datasets/aletheia/prepare-data_train not found, read artifact details: 404 Client Error"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InputError("The grid has no values."), "The grid has no values."),
        (OSError(MISSING), "There is no prepare-data_train yet. Run 01-prepare-data first, or the workflow."),
        (
            mlrun.errors.MLRunNotFoundError("Artifact aletheia/extract-faces_faces:latest not found"),
            "There is no extract-faces_faces yet. Run 00-extract-faces first, or the workflow.",
        ),
        (
            OSError("artifact store://models/aletheia/detector:production not found"),
            "No such model is registered. Run 05-register first; what it did not release has the tag candidate.",
        ),
        (OSError("artifact store://datasets/aletheia/of-mine_table not found"), None),
        (mlrun.errors.MLRunNotFoundError("connection lost"), None),
        (FileNotFoundError("No such file: prepare-data_train not found"), None),
        (ZeroDivisionError("prepare-data_train not found"), None),
    ],
)
def test_error_sentence(error, sentence):
    assert error_sentence(error) == sentence


def test_error_sentence_of_what_a_handler_raised(monkeypatch):
    monkeypatch.setattr(InputError, "raised", ["", "There are no faces; bring some."])
    run_error = mlrun.runtimes.utils.RunError
    assert error_sentence(run_error("Run failed: There are no faces; bring some.")) == "There are no faces; bring some."
    assert error_sentence(run_error("Run failed: KeyError 'x'")) is None


def test_install_shows_the_sentence_alone(monkeypatch, capsys):
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    install()
    shell.user_ns.update(InputError=InputError, missing=OSError(MISSING))
    for code, words, is_short in (
        ("raise InputError('Bring more faces.')", "Bring more faces.", True),
        ("raise missing", "Run 01-prepare-data first", True),
        ("raise OSError('disk full')", "Traceback", False),
    ):
        result = shell.run_cell(code)
        shown = capsys.readouterr().out
        assert not result.success and words in shown
        assert (len(shown.splitlines()) == 1) == is_short


def test_install_without_a_kernel(monkeypatch):
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: None)
    assert notebook_errors.install() is None
