"""What a run of the workflow would do, in a line for each step."""

from __future__ import annotations

from pathlib import Path

from aletheia.core.wording import counted
from aletheia.project.run_config import RunConfig


def plan_steps(config: RunConfig) -> list[tuple[str, str]]:
    """Describe the steps of a run, name and text, in their order.

    Raises
    ------
    InputError
        When the data are not where they should be, or do not have what an option names (`source_check`).
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
    from aletheia.datasets.pipeline import SYNTHETIC
    from aletheia.project.source_check import check_data

    rows, crop = check_data(config), f"faces of {config.image_size} pixels"
    if config.source == SYNTHETIC:
        return f"{config.n_synthetic:,} drawn pictures; {crop}"
    fakes = int((rows["label"] == "fake").sum())
    source = Path(config.source)
    where = f"in {source}" if source.is_dir() else f"that {source.name} lists"
    files = f"{counted(len(rows), 'file')} {where} (pictures and videos), {fakes:,} of them fake"
    return f"{files}; {crop}"


def _preparation(config: RunConfig) -> str:
    shares = " / ".join(f"{share:.0%}" for share in config.split_fractions())
    remedies = f", remedies {', '.join(config.remedies)}" if config.remedies else ""
    split = "the data set's own split where it has one, else" if config.split == "official" else "split"
    return f"{split} {shares} for training, validation and test; balance {config.balance}{remedies}"
