"""Old runs lose their files; models in use and all that they were made from keep theirs."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest

from aletheia.core.errors import InputError
from aletheia.project.prune import group_runs, plan_prune, prune


class History:
    """Workflows of two steps, as the MLRun client records them, with their files."""

    def __init__(self, url: str, root: Path) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=120)
        self.url, self.root, self.name, self.count = url, root, f"prune-{uuid.uuid4().hex[:8]}", 0
        self.http.post("/api/v1/projects", json={"metadata": {"name": self.name}}).raise_for_status()

    def workflow(self, *, tag: str = "", source: str = "", state: str = "completed", is_notebook: bool = False) -> str:
        """Record a workflow; returns the uid of its training, which is the name of a folder."""
        self.count += 1
        workflow, uids = uuid.uuid4().hex, [uuid.uuid4().hex for _ in range(2)]
        steps = [(uids[0], "prepare"), (uids[1], "train")]
        for uid, name in steps[-1:] if is_notebook else steps:
            tree = uid if is_notebook else workflow
            folder = self.root / "artifacts" / uid / tree
            folder.mkdir(parents=True)
            (folder / "file.bin").write_bytes(bytes(1000))
            inputs = {"data": f"store://datasets/{self.name}/prepare_train@{source}"} if source else {}
            body = {
                "metadata": {"name": name, "uid": uid, "labels": {} if is_notebook else {"workflow": workflow}},
                "spec": {"inputs": inputs},
                "status": {"state": state, "start_time": f"2026-01-{self.count:02d}T00:00:00+00:00"},
            }
            self.http.post(f"/api/v1/projects/{self.name}/runs/{uid}", json=body).raise_for_status()
        artifact = {
            "kind": "model",
            "metadata": {"key": "detector", "tree": tree, "hash": workflow + "00000000"},
            "spec": {"target_path": str(folder), "producer": {"kind": "run", "uri": f"{self.name}/{uid}"}},
            "status": {},
        }
        query = {"tree": tree} | ({"tag": tag} if tag else {})
        path = f"/api/v2/projects/{self.name}/artifacts/detector"
        self.http.put(path, params=query, json=artifact).raise_for_status()
        return uids[-1]

    def tree(self, uid: str) -> str:
        """The tree of a run's artifacts: its workflow."""
        return next((self.root / "artifacts" / uid).iterdir()).name

    def plan(self, keep: int):
        return plan_prune(self.root, keep, url=self.url, project=self.name)

    def left(self, *uids: str) -> list[bool]:
        return [(self.root / "artifacts" / uid).exists() for uid in uids]


@pytest.fixture
def history(tracking_url, tmp_path) -> History:
    return History(tracking_url, tmp_path)


def test_prune_keeps_the_newest(history):
    first, second, third = (history.workflow() for _ in range(3))
    plan = history.plan(2)
    assert (len(plan.folders), plan.bytes, plan.deleted, plan.newest, plan.needed) == (2, 2000, 1, 2, 0)
    assert history.left(first, second, third) == [True] * 3, "a plan deletes nothing"
    prune(plan)
    assert history.left(first, second, third) == [False, True, True]
    assert history.plan(2).bytes == 0
    runs = history.http.get(f"/api/v1/projects/{history.name}/runs", params={"name": "train"}).json()["runs"]
    assert len(runs) == 3, "the records stay"


@pytest.mark.parametrize("tag", ["production", "candidate"])
def test_prune_keeps_what_a_model_in_use_was_made_from(history, tag):
    data = history.workflow()
    unused = history.workflow()
    in_use = history.workflow(tag=tag, source=history.tree(data))
    newest = history.workflow()
    plan = history.plan(1)
    prune(plan)
    assert history.left(data, unused, in_use, newest) == [True, False, True, True]
    assert (plan.deleted, plan.needed) == (1, 2)


def test_prune_keeps_what_answered_once_and_not_every_version(history):
    """Each registered model has a version as a tag; that alone needs no files."""
    former, version, retired = (history.workflow(tag=tag) for tag in ("production", "v1.0.1", "retired-v1.0.2"))
    newest = history.workflow(tag="production")
    prune(history.plan(1))
    assert history.left(former, version, retired, newest) == [True, False, False, True]


def test_prune_keeps_runs_that_have_not_ended(history):
    running, notebook, newest = (
        history.workflow(state="running"),
        history.workflow(is_notebook=True),
        history.workflow(),
    )
    prune(history.plan(1))
    assert history.left(running, notebook, newest) == [True, False, True]


def test_prune_touches_nothing_outside(history, tmp_path):
    """A uid comes from the database; links may lead anywhere."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "file").write_text("x")
    for uid in ("..", "runs", "abcdef12"):
        body = {"metadata": {"name": "n", "uid": uid}, "status": {"state": "completed", "start_time": "2020-01-01"}}
        path = f"/api/v1/projects/{history.name}/runs/x{uid.strip('.')}"
        history.http.post(path, json=body).raise_for_status()
    newest = history.workflow()
    (tmp_path / "artifacts" / "runs").mkdir()
    (tmp_path / "artifacts" / "abcdef12").symlink_to(tmp_path / "private")
    prune(history.plan(1))
    assert (tmp_path / "private" / "file").exists() and (tmp_path / "artifacts" / "runs").exists()
    assert history.left(newest) == [True]


def test_prune_lists_what_old_runs_left_in_buckets(history):
    """Only folders of their own, and of no run that stays."""
    old, newest = history.workflow(), history.workflow()
    for uid, path in ((old, f"s3://bucket/runs/{old}"), (newest, f"s3://bucket/runs/{newest}")):
        address = f"/api/v1/projects/{history.name}/runs/{uid}"
        history.http.patch(address, json={"spec.output_path": path}).raise_for_status()
    assert history.plan(1).in_buckets == [f"s3://bucket/runs/{old}"]
    history.http.patch(f"/api/v1/projects/{history.name}/runs/{old}", json={"spec.output_path": "s3://bucket/runs"})
    assert history.plan(1).in_buckets == []


def test_plan_prune_keeps_one_at_least(history):
    with pytest.raises(InputError, match="--keep is 0"):
        history.plan(0)


def test_group_runs_without_labels():
    runs = [{"metadata": {"name": "n", "uid": "a" * 32}, "status": {}}]
    (group,) = group_runs(runs, [{"metadata": {"tree": "a" * 32}, "spec": {"of": "b" * 32}}])
    assert (group.key, group.mentions) == ("a" * 32, {"a" * 32, "b" * 32})
