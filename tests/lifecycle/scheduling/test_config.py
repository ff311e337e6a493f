"""The YAML file of jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.core.buckets.addresses import parse_url
from aletheia.core.errors import InputError
from aletheia.lifecycle.scheduling.config import Schedule, read_schedule


def write(tmp_path, text: str) -> Path:
    (tmp_path / "jobs.yaml").write_text(text)
    return tmp_path / "jobs.yaml"


def test_addresses_in_a_bucket_are_no_paths_below_the_file(tmp_path):
    text = "retrain: {add: ['s3://faces/new', more], artifact_path: 's3://runs/retrained'}"
    (tmp_path / "jobs.yaml").write_text(text)
    job = read_schedule(tmp_path / "jobs.yaml").retrain
    assert [str(path) for path in job.add] == ["s3:/faces/new", str(tmp_path / "more")]  # as Path writes it
    assert str(parse_url(job.artifact_path)) == "s3://runs/retrained"


def test_defaults():
    schedule = read_schedule()
    assert schedule == Schedule()
    assert schedule.intervals() == {"alerts": 60, "retrain": 21_600, "prune": 86_400, "reconcile": 600}
    assert schedule.retrain.promote == "off"


def test_file(tmp_path):
    text = """
log: logs/p.sqlite
alerts: {every: 30s, rules: alerts.yaml}
retrain: {every: 12h, when: [schedule], age: 7d, add: [new, /data/more.csv], promote: auto}
prune: {every: never}
"""
    schedule = read_schedule(write(tmp_path, text))
    assert schedule.intervals() == {"alerts": 30, "retrain": 43_200, "reconcile": 600}
    assert schedule.log == tmp_path / "logs" / "p.sqlite"
    assert schedule.alerts.rules == tmp_path / "alerts.yaml"
    assert schedule.retrain.add == [tmp_path / "new", Path("/data/more.csv")]
    assert (schedule.retrain.age, schedule.retrain.promote) == (604_800, "auto")
    assert read_schedule(write(tmp_path, "retrain: {promote: off}")).retrain.promote == "off"
    assert read_schedule(write(tmp_path, "")) == Schedule()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("retrain: {evry: 1h}", "evry"),
        ("retrain: {every: soon}", "no span of time"),
        ("retrain: {when: [whim]}", "no trigger 'whim'"),
        ("retrain: {promote: maybe}", "promote"),
        ("alerts: {every: 0.1}", "greater than or equal to 1"),
        ("[1]", "must hold jobs by name"),
        ("a: [", "is no YAML"),
        ("a: " + "x" * 1_000_000, "more than 1,000,000 bytes"),
    ],
)
def test_what_does_not_fit(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_schedule(write(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read"):
        read_schedule(tmp_path / "none.yaml")
