"""The fault scorecard: each mistake is made on purpose, in a small form, and the check that must catch it does.

The mistakes of a training (`aletheia.training.fault_injection`) are refused by name, since the model records them, and
by comparison with an honest model, which would also catch them if they were not recorded. Those of a data set
(`aletheia.datasets.fault_injection`) are recorded nowhere: a check has to find them.
"""

from __future__ import annotations

import dataclasses
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
from aletheia.datasets.balance import balance_training
from aletheia.datasets.fault_injection import saved_again, shared_duplicates, shared_identities, swapped_labels
from aletheia.datasets.pipeline import Faces, extract_dataset_faces, load_dataset
from aletheia.datasets.planted_shortcuts import plant_shortcut
from aletheia.datasets.split import check_leakage, split_manifest
from aletheia.evaluation.cross_matrix import cell_table
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.result import Evaluation
from aletheia.faces.crop_config import CropConfig
from aletheia.release.evaluation_records import CellRecord
from aletheia.release.gate import run_gate
from aletheia.release.gate_check import FAILED
from aletheia.stats.scored_set import ScoredSet
from aletheia.training.config import TrainConfig
from aletheia.training.export import export_bundle
from aletheia.training.fit import fit_network

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Long enough: after 12 epochs some processors, which round otherwise, gave a model that is no better than the spectrum.
RECIPE = TrainConfig(image_size=64, max_epochs=24, patience=24, learning_rate=5e-3, batch_size=16)
# Enough to learn a shortcut, or from a fault, and to be worse than the honest model.
SHORT = 8


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
    current = None if production is None else ("store://models/production", production)
    return evaluate_model(model, parts["train"], parts["test"], production=current, delivery_faces=4, progress=False)


def failed(evaluation: Evaluation) -> set[str]:
    return {check.name for check in run_gate(evaluation.to_report()) if check.state == FAILED}


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Honest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALETHEIA_DATA", str(tmp_path_factory.mktemp("data")))
        faces = extract_dataset_faces(
            load_dataset("synthetic", n_synthetic=700, progress=False), CropConfig(size=64), progress=False
        )
    parts = parts_of(split_manifest(faces.main, (0.6, 0.1, 0.3), seed=0))
    folder = trained(parts, tmp_path_factory.mktemp("models") / "honest")
    return Honest(faces, parts, folder, evaluated(folder, parts))


def test_honest_model_passes(honest):
    # Seventy validation faces are too few to calibrate on; the demo's 220 are enough.
    assert failed(honest.evaluation) <= {"calibrated"}
    audit, _ = audit_faces(honest.faces.main, CROPS, progress=False)
    assert not {family.key for family in audit.families if family.tells}


@pytest.mark.parametrize("fault", ["label_noise", "shuffled_labels", "skipped_gradients"])
def test_training_fault_is_refused(honest, tmp_path, fault):
    share = {"label_noise": 0.4, "skipped_gradients": 0.95}.get(fault, 0.3)
    model = trained(honest.parts, tmp_path / "model", fault=fault, fault_share=share, max_epochs=SHORT)
    evaluation = evaluated(model, honest.parts, honest.folder)
    refused = failed(evaluation)
    assert evaluation.spec.fault == fault and "no injected fault" in refused
    # Without that record, the comparison would refuse it.
    assert "better than the model in production" in refused
    if fault == "shuffled_labels":
        assert {"beats the majority class", "beats the frequency spectrum"} <= refused


def test_leaked_identity_is_refused(honest):
    leaky = parts_of(shared_identities(pd.concat(honest.parts.values(), ignore_index=True)))
    leaks = check_leakage(pd.concat(leaky.values(), ignore_index=True))
    assert "identity" in set(leaks["kind"])
    assert "no leakage" in failed(evaluated(honest.folder, leaky))


def test_leaked_duplicate_is_refused(honest, tmp_path):
    whole = shared_duplicates(pd.concat(honest.parts.values(), ignore_index=True), tmp_path)
    leaks = check_leakage(whole)
    assert set(leaks["kind"]) == {"near duplicate"}
    assert "no leakage" in failed(evaluated(honest.folder, parts_of(whole)))


def test_real_only_pool_is_found_by_the_audit(honest, tmp_path):
    """As published projects do with FFHQ: thousands of genuine faces in other files than those of the fakes."""
    train = honest.parts["train"]
    pool = saved_again(honest.faces.pool, np.ones(len(honest.faces.pool), bool), tmp_path, quality=55)
    counted, _ = balance_training(train, pool, "count", 0)
    matched, report = balance_training(train, pool, "matched", 0)
    assert shortcut_auc(counted).low > 0.6 > shortcut_auc(matched).low
    assert report.v_after < 0.3
    audit, _ = audit_faces(counted, progress=False)
    assert "delivery" in {family.key for family in audit.families if family.tells}


def test_resaved_fakes_are_found_and_refused(honest, tmp_path):
    faces = honest.faces.main
    spoiled = saved_again(faces, (faces["label"] == "fake").to_numpy(), tmp_path, quality=40)
    pictures, _ = audit_faces(spoiled, progress=False)
    assert {"delivery", "tables"} <= {family.key for family in pictures.families if family.tells}
    parts = parts_of(split_manifest(spoiled, (0.6, 0.1, 0.3), seed=0))
    refused = failed(evaluated(trained(parts, tmp_path / "model", max_epochs=SHORT), parts))
    assert "beats the file-property shortcut" in refused


@pytest.mark.parametrize(
    ("shortcut", "check"),
    [("mark_inside", "beats fixed places of the crop"), ("women", "holds among people alike")],
)
def test_planted_shortcut_is_refused(honest, tmp_path, shortcut, check):
    """Nothing but the shortcut is there to be learnt; `make bench-audit` plants all kinds."""
    faces = pd.concat([honest.faces.main, honest.faces.pool], ignore_index=True)
    parts = parts_of(split_manifest(plant_shortcut(faces, shortcut, tmp_path / "crops"), (0.6, 0.1, 0.3), seed=0))
    evaluation = evaluated(trained(parts, tmp_path / "model", max_epochs=SHORT), parts)
    assert check in failed(evaluation)
    if shortcut == "mark_inside":
        assert evaluation.metrics["auc"].value > 0.95


def test_swapped_labels_of_one_source_are_refused(honest, tmp_path):
    def two_sources(rows: pd.DataFrame) -> pd.DataFrame:
        # Rows alternate between two cameras.
        return rows.assign(source=np.where(np.arange(len(rows)) % 2, "camera-1", "camera-2"))

    def refused(model: Path, parts: dict[str, pd.DataFrame]) -> tuple[set[str], CellRecord]:
        evaluation = evaluated(model, parts)
        y, p = evaluation.labels()
        cells = cell_table(parts["test"], ScoredSet(y, p), min_n=8)  # the data set is a small one
        report = dataclasses.replace(evaluation, cells=cells).to_report()
        return {check.name for check in run_gate(report) if check.state == FAILED}, report.worst_cell

    whole = two_sources(pd.concat(honest.parts.values(), ignore_index=True))
    before, _ = refused(honest.folder, parts_of(whole))
    assert "no weak cell" not in before
    swapped = parts_of(swapped_labels(whole, "camera-1"))
    names, worst = refused(trained(swapped, tmp_path / "model", max_epochs=SHORT), swapped)
    assert "no weak cell" in names
    assert worst.auc < 0.6


def test_fault_injection_refuses_missing_data(honest):
    with pytest.raises(InputError, match="no source 'x'"):
        swapped_labels(honest.faces.main, "x")
    single = honest.faces.main.assign(split="test").drop_duplicates("identity")
    with pytest.raises(InputError, match="two faces"):
        shared_identities(single)


def test_copy_of_the_model_in_production_passes(honest, tmp_path):
    shutil.copytree(honest.folder, tmp_path / "copy")
    assert "better than the model in production" not in failed(
        evaluated(tmp_path / "copy", honest.parts, honest.folder)
    )
