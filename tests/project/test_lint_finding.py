"""The text of a finding, and whether it keeps a function from being generated."""

from __future__ import annotations

from aletheia.project.lint_finding import Finding


def test_finding_text():
    finding = Finding("magic", "notebooks/01-a.ipynb", "A shell line.", "Remove it.", cell=3, line=2)
    assert str(finding) == "notebooks/01-a.ipynb, cell 3, line 2: A shell line. Remove it. [magic]"
    assert str(Finding("differs", "f", "Differs.", "", detail="    -a")) == "f: Differs. [differs]\n    -a"


def test_finding_blocking():
    assert Finding("magic", "", "", "").blocking
    assert not Finding("outputs", "", "", "").blocking
