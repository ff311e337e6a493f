"""The fault scorecard: each mistake is made on purpose, in a small form, and the check that must catch it does.

The mistakes of a training (`aletheia.training.fault_injection`) are refused by name, since the model says what was done
to it; and were it not said, by comparison with an honest model. Those of a data set
(`aletheia.datasets.fault_injection`) nobody says: there the check has to find them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.audit.audit import audit_faces
from aletheia.audit.file_properties import shortcut_auc
from aletheia.audit.measuring import CROPS
from aletheia.core.errors import InputError
from aletheia.datasets.balance import balance
from aletheia.datasets.fault_injection import saved_again, shared_duplicates, shared_identities, swapped_labels
from aletheia.datasets.pipeline import Faces, extract_dataset_faces, load_dataset
from aletheia.datasets.split import check_leakage, split_manifest
from aletheia.evaluation.cross_matrix import cell_table, worst_cell
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.result import Evaluation
from aletheia.faces.worker import CropConfig
from aletheia.release.gate import run_gate
from aletheia.training.config import TrainConfig
from aletheia.training.export import export_bundle
from aletheia.training.fault_injection import FAULTS
from aletheia.training.fit import fit_network

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RECIPE = TrainConfig(image_size=64, max_epochs=12, patience=12, learning_rate=5e-3, batch_size=16)


class Honest(NamedTuple):
    """A small honest data set and the model that learnt from it."""

    faces: Faces
    parts: dict[str, pd.DataFrame]
    folder: Path
    evaluation: Evaluation


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def parts_of(faces: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {name: faces[faces["split"] == name].reset_index(drop=True) for name in ("train", "val", "test")}


def trained(parts: dict[str, pd.DataFrame], folder: Path, **changes: object) -> Path:
    result = fit_network(RECIPE.model_copy(update=changes), parts["train"], parts["val"], progress=False)
    export_bundle(result, parts["train"], parts["val"], folder=folder)
    return folder


def evaluated(model: Path, parts: dict[str, pd.DataFrame], production: Path | None = None) -> Evaluation:
    present = None if production is None else ("store://models/production", production)
    return evaluate_model(model, parts["train"], parts["test"], production=present, delivery_faces=4, progress=False)


def failed(evaluation: Evaluation) -> set[str]:
    return {check.name for check in run_gate(evaluation.summary()) if not check.passed}


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Honest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALETHEIA_DATA", str(tmp_path_factory.mktemp("data")))
        faces = extract_dataset_faces(
            load_dataset("synthetic", images=700, progress=False), CropConfig(size=64), progress=False
        )
    parts = parts_of(split_manifest(faces.main, (0.6, 0.1, 0.3), seed=0))
    folder = trained(parts, tmp_path_factory.mktemp("models") / "honest")
    return Honest(faces, parts, folder, evaluated(folder, parts))


def test_the_honest_model_passes(honest):
    assert failed(honest.evaluation) == set()
    audit, _ = audit_faces(honest.faces.main, CROPS, progress=False)
    assert not {family.key for family in audit.families if family.tells}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "none"])
def test_a_fault_of_the_training(honest, tmp_path, fault):
    share = {"label_noise": 0.4, "input_noise": 0.5, "skipped_gradients": 0.95}.get(fault, 0.3)
    model = trained(honest.parts, tmp_path / "model", fault=fault, fault_share=share)
    found = evaluated(model, honest.parts, honest.folder)
    refused = failed(found)
    assert found.spec.fault == fault and "no injected fault" in refused
    # And if nobody had written it down?
    assert "better than the model in production" in refused
    if fault == "shuffled_labels":
        assert {"beats the majority class", "beats the frequency spectrum"} <= refused


def test_a_leaked_identity(honest):
    leaky = parts_of(shared_identities(pd.concat(honest.parts.values(), ignore_index=True)))
    leaks = check_leakage(pd.concat(leaky.values(), ignore_index=True))
    assert "identity" in set(leaks["kind"])
    assert "no leakage" in failed(evaluated(honest.folder, leaky))


def test_a_leaked_duplicate(honest, tmp_path):
    whole = shared_duplicates(pd.concat(honest.parts.values(), ignore_index=True), tmp_path)
    leaks = check_leakage(whole)
    assert set(leaks["kind"]) == {"near duplicate"}
    assert "no leakage" in failed(evaluated(honest.folder, parts_of(whole)))


def test_a_pool_that_only_genuine_faces_come_from(honest, tmp_path):
    """What published projects do with FFHQ: thousands of genuine faces that were delivered otherwise than the fakes."""
    train = honest.parts["train"]
    pool = saved_again(honest.faces.pool, np.ones(len(honest.faces.pool), bool), tmp_path, quality=55)
    counted, _ = balance(train, pool, "count", 0)
    matched, report = balance(train, pool, "matched", 0)
    assert shortcut_auc(counted).low > 0.6 > shortcut_auc(matched).low
    assert report.v_after < 0.3
    audit, _ = audit_faces(counted, progress=False)
    assert "delivery" in {family.key for family in audit.families if family.tells}


def test_fakes_that_were_saved_once_more(honest, tmp_path):
    faces = honest.faces.main
    spoiled = saved_again(faces, (faces["label"] == "fake").to_numpy(), tmp_path, quality=40)
    pictures, _ = audit_faces(spoiled, progress=False)
    assert {"delivery", "tables"} <= {family.key for family in pictures.families if family.tells}
    parts = parts_of(split_manifest(spoiled, seed=0))
    refused = failed(evaluated(trained(parts, tmp_path / "model"), parts))
    assert "beats the file-property shortcut" in refused


def test_labels_swapped_in_one_source(honest, tmp_path):
    def two_sources(rows: pd.DataFrame) -> pd.DataFrame:
        # Everybody's pictures by one of two cameras, as the rows come.
        return rows.assign(source=np.where(np.arange(len(rows)) % 2, "camera-1", "camera-2"))

    def refused(model: Path, parts: dict[str, pd.DataFrame]) -> tuple[set[str], dict]:
        found = evaluated(model, parts)
        y, p = found.labels()
        worst = worst_cell(cell_table(parts["test"], y, p.astype(float), min_n=8))  # the data set is a small one
        checks = run_gate(found.summary() | {"worst_cell": worst})
        return {check.name for check in checks if not check.passed}, worst

    whole = two_sources(pd.concat(honest.parts.values(), ignore_index=True))
    before, _ = refused(honest.folder, parts_of(whole))
    assert "no weak cell" not in before
    swapped = parts_of(swapped_labels(whole, "camera-1"))
    names, worst = refused(trained(swapped, tmp_path / "model"), swapped)
    assert "no weak cell" in names
    assert worst["auc"] < 0.6


def test_what_is_asked_of_a_fault_must_be_there(honest):
    with pytest.raises(InputError, match="no source 'x'"):
        swapped_labels(honest.faces.main, "x")
    single = honest.faces.main.assign(split="test").drop_duplicates("identity")
    with pytest.raises(InputError, match="two faces"):
        shared_identities(single)


def test_a_copy_of_the_model_in_production_passes(honest, tmp_path):
    shutil.copytree(honest.folder, tmp_path / "copy")
    assert "better than the model in production" not in failed(
        evaluated(tmp_path / "copy", honest.parts, honest.folder)
    )
