"""The label that names the process of a run."""

from __future__ import annotations

import os

import psutil
import pytest

from aletheia.tracking import process_label as label
from aletheia.tracking.process_label import LABEL, labelled_process, process_label


def test_label_names_this_process():
    value = process_label()[LABEL]
    assert value.split(".")[1] == str(os.getpid()) and len(value) <= 63  # as Kubernetes allows
    assert labelled_process(value) == [os.getpid(), pytest.approx(psutil.Process().create_time(), abs=0.01)]


@pytest.mark.parametrize("value", [None, 7, "", "x.1.1", "0" * 16, f"{'0' * 16}.1.1", "../../etc/passwd"])
def test_what_is_no_label_of_this_host(value):
    assert labelled_process(value) is None


def test_another_host_or_name_space(monkeypatch):
    value = process_label()[LABEL]
    for name, other in (("socket.gethostname", lambda: "elsewhere"), ("pathlib.Path.readlink", lambda path: "pid:[1]")):
        with monkeypatch.context() as patch:
            patch.setattr(name, other)
            label._host.cache_clear()
            assert labelled_process(value) is None, name
        label._host.cache_clear()
    assert labelled_process(value) is not None
