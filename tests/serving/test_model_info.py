"""Model card and limits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.serving.config import ServeConfig
from aletheia.serving.model_info import model_card, service_limits


@pytest.fixture
def loaded(tmp_path):
    spec = ModelSpec(
        architecture="attention_cnn",
        input_size=64,
        parameters=12_345,
        threshold=0.25,
        threshold_how="5 % false alarms",
        calibration=Calibration(),
        trained_on="9 faces",
        metrics={"roc_auc": 0.98765, "model_kind": "a|b\nc"},
        checks={"worst_group": {"passed": False, "detail": "0.4 | 0.5"}},
    )
    return SimpleNamespace(folder=tmp_path, spec=spec, uri="store://models/p/detector:production")


def test_model_card_of_folder(loaded):
    (loaded.folder / "README.md").write_text("---\nlicense: x\n---\n\n# A card\ntext\n\n")
    assert model_card(loaded) == "# A card\ntext\n"
    (loaded.folder / "README.md").write_text("---\nno end of the front matter")
    assert model_card(loaded) == "---\nno end of the front matter\n"


def test_model_card_bounded(loaded):
    (loaded.folder / "README.md").write_text("x" * 2_000_000)
    assert len(model_card(loaded)) == 1_000_001


def test_model_card_generated(loaded):
    """Values cannot break the tables."""
    card = model_card(loaded)
    assert "12,345 parameters" in card and "**Trained on**: 9 faces" in card
    assert "**Threshold**: 0.250 (5 % false alarms)" in card
    assert "| roc auc | 0.9877 |\n| model kind | a/b c |" in card
    assert "| worst group | failed | 0.4 / 0.5 |" in card


def test_service_limits(loaded):
    config = ServeConfig(max_upload_bytes=7, max_frames=9, default_frames=3)
    limits = service_limits(config, loaded)
    assert (limits["max_upload_bytes"], limits["max_frames"], limits["default_frames"]) == (7, 9, 3)
    assert (limits["threshold"], limits["trained_on"]) == (0.25, "9 faces")
    assert ".jpg" in limits["image_formats"] and ".mp4" in limits["video_formats"]
    assert any('hardly says "cannot tell"' in sentence for sentence in limits["sentences"])
    rules = AbstentionSpec(alpha=0.1, real_upper=0.4, fake_lower=0.4, min_face=80)
    loaded.spec = loaded.spec.model_copy(update={"abstention": rules, "trained_on": ""})
    sentences = service_limits(config, loaded)["sentences"]
    assert "Faces under 80 pixels a side are not judged." in sentences
    assert sentences[0].startswith("The model was trained on rows that it does not name;")
