"""What a run of the workflow would do, in a line for each step."""

from __future__ import annotations

from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.project.run_config import RunConfig


def plan_steps(config: RunConfig) -> list[tuple[str, str]]:
    """Describe the steps of a run, name and text, in their order.

    Raises
    ------
    InputError
        When the data are not where they should be.
    """
    steps = [("extract-faces", _source(config)), ("prepare-data", _preparation(config))]
    epochs = f"{config.search_epochs} epoch{'s' * (config.search_epochs > 1)}"
    cells = len(config.grid())
    steps.append(("search-hyperparameters", f"{cells} trainings of {epochs} each, {config.search}"))
    times = f"{config.seeds} times, each " if config.seeds > 1 else ""
    fault = "" if config.fault == "none" else f", with the fault {config.fault}"
    steps.append(("train", f"{config.architecture} at the best pair, {times}at most {config.epochs} epochs{fault}"))
    steps.append(("evaluate", "on the test faces, beside the baselines"))
    if config.leave_out:
        steps.append(("cross-test", f"once more for each of: {', '.join(config.leave_out)}"))
    steps.append(("register", "production if it passes the gate, else candidate"))
    return steps


def _source(config: RunConfig) -> str:
    from aletheia.datasets.layouts import list_media
    from aletheia.datasets.pipeline import SYNTHETIC

    crop = f"faces of {config.image_size} pixels"
    if config.source == SYNTHETIC:
        return f"{config.n_synthetic:,} drawn pictures; {crop}"
    source = Path(config.source)
    if not source.exists():
        raise InputError(f"source: there is nothing at {source}. Name a folder with pictures, or a manifest.")
    if source.is_dir():
        return f"{counted(len(list_media(source)[0]), 'file')} in {source} (pictures and videos); {crop}"
    return f"the files that {source} lists; {crop}"


def _preparation(config: RunConfig) -> str:
    shares = " / ".join(f"{share:.0%}" for share in config.split_fractions())
    remedies = f", remedies {', '.join(config.remedies)}" if config.remedies else ""
    split = "the data set's own split where it has one, else" if config.split == "official" else "split"
    return f"{split} {shares} for training, validation and test; balance {config.balance}{remedies}"
