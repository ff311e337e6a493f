"""What the training says about sources that a model was not trained on, as it stands in ``model.json``."""

from __future__ import annotations

from pydantic import Field

from aletheia.models.calibration_map import Share, Strict, Text


class LeftOutSource(Strict):
    """Sources that a training of the recipe had to do without, and how it fared on them."""

    name: Text
    real: int = Field(ge=0, description="Genuine faces of them.")
    fake: int = Field(ge=0, description="Fakes of them.")
    auc: Share | None = Field(None, description="On these faces, with its 95 % interval.")
    low: Share | None = None
    high: Share | None = None
    real_upper: Share = Field(0.0, description='Limit up to which "real" has to be plausible on them.')
    fake_lower: Share = Field(1.0, description='Likewise from which on "fake" has to be.')


class OtherSources(Strict):
    """What the recipe is worth on sources that it was not trained on, see `aletheia.training.left_out_sources`."""

    auc: Share | None = Field(None, description="Over all left-out sources; only faces left out together are compared.")
    low: Share | None = None
    high: Share | None = None
    sources: tuple[LeftOutSource, ...] = Field((), max_length=100)
    epochs: int = Field(0, ge=0, description="Of each training, at most.")
    reason: Text = Field("", description="Why nothing is known, as a clause.")

    def sentence(self) -> str:
        """Say in one sentence what to expect of other sources, or that nothing is known."""
        if not self.sources:
            return f"Nothing is known about other sources than those of the training: {self.reason or 'not recorded'}."
        parts = "; ".join(f"{part.name} {_auc_text(part)}" for part in self.sources)
        return f"Trained without a source and tested on it, the recipe reaches an AUC of {_auc_text(self)}: {parts}."


def _auc_text(part: LeftOutSource | OtherSources) -> str:
    if part.auc is None:
        return "not defined"
    limits = "" if part.low is None or part.high is None else f" ({part.low:.3f} to {part.high:.3f})"
    return f"{part.auc:.3f}{limits}"
