"""What the steps of the demo share: folder, service, the two models, and the commands that several steps need."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from aletheia.core.wording import counted
from benchmarks.lifecycle_demo.recording import Step
from benchmarks.lifecycle_demo.terminal import Done, StepError, Terminal, command_line
from benchmarks.lifecycle_demo.traffic import Sent, draw_traffic, send, wait_for_rows

#: All answers may be compared, since these pictures come in no order; usual is one in ten seconds.
SPACING = "--spacing=0.01"
#: Files of a run: the prediction log, and the rules of alerts.
LOG, RULES = "predictions.sqlite", "alerts.yaml"
_ACCEPT = re.compile(r"--accept-unjudged ([a-z][a-z-]*[a-z])")


@dataclasses.dataclass
class Demo:
    """What the steps share.

    Attributes
    ----------
    terminal : Terminal
    folder : Path
        Of this run of the demo: log, labels, pictures.
    url : str
        Of the service, all the while the same.
    mlflow : str
        Address of MLflow's store.
    seed : int
        Of the traffic: the number of the run.
    workflow : list of str
        Options of ``aletheia run`` for the first model.
    champion, challenger : str
        Versions.
    sent, asked : list of Sent
        Traffic with the new generator, and of the trial.
    decision : dict
        What ``aletheia ab status --json`` says at the end of the trial.
    answered : int
        Requests so far.
    """

    terminal: Terminal
    folder: Path
    url: str
    mlflow: str
    seed: int
    workflow: Sequence[str]
    champion: str = ""
    challenger: str = ""
    sent: list[Sent] = dataclasses.field(default_factory=list)
    asked: list[Sent] = dataclasses.field(default_factory=list)
    decision: dict[str, Any] = dataclasses.field(default_factory=dict)
    answered: int = 0

    @property
    def log(self) -> Path:
        """The prediction log of this run."""
        return self.folder / LOG

    @property
    def pictures(self) -> list[bytes]:
        """The pictures of the trial."""
        return [one.data for one in self.asked]

    def path(self, name: str) -> str:
        """Return a path of this run as it is typed in the folder of the demo."""
        return str((self.folder / name).relative_to(self.terminal.folder))

    def type(self, step: Step, *words: str, codes: tuple[int, ...] = (0,)) -> Done:
        """Run a command and note it for the table."""
        step.commands.append(command_line(words))
        return self.terminal.run(*words, codes=codes)

    def send(self, counts: dict[str, int], part: int) -> list[Sent]:
        """Draw pictures of new people, send them, and wait until the log has the answers."""
        sent = send(self.url, draw_traffic(counts, 1000 * self.seed + part))
        self.answered += len(sent)
        wait_for_rows(self.log, self.answered)
        return sent


def promote(
    demo: Demo, step: Step, version: str, reason: str, *words: str, run: Callable[..., Any] | None = None
) -> Any:
    """Promote a version; where the gate refuses it because it could not judge some checks, accept these by name.

    A check that failed cannot be accepted: then this fails, as it does for a user.

    Parameters
    ----------
    demo, step
    version, reason : str
    *words : str
        Further arguments of ``aletheia models promote``.
    run : callable, optional
        Runs the command; returns what this returns.
    """
    run = run or demo.terminal.run
    typed = ("models", "promote", version, *words, "--reason", reason)
    try:
        result = run(*typed)
    except StepError as refusal:
        codes = list(dict.fromkeys(_ACCEPT.findall(refusal.printed)))
        if not codes:
            raise
        result = run(*typed, *(f"--accept-unjudged={code}" for code in codes))
        typed, more = (*typed, f"--accept-unjudged={codes[0]}"), " …" if codes[1:] else ""
        step.commands.append(command_line(typed) + more)
        step.seen.append(
            f"{counted(len(codes), 'check')} of the gate accepted by name, since so few test people allow no verdict: "
            f"{', '.join(codes)}."
        )
        step.facts["accepted_unjudged"] = codes
    else:
        step.commands.append(command_line(typed))
        step.seen.append("The gate let it pass without exceptions.")
    return result


@contextlib.contextmanager
def served(demo: Demo, step: Step, *words: str) -> Iterator[None]:
    """Serve production from now on, on the demo's own log."""
    port = demo.url.rpartition(":")[2]
    options = ("--limit=feedback_per_hour=5000", "--no-page", "--keep-feedback-pictures")
    typed = ("serve", "--port", port, "--prediction-log", demo.path(LOG), *options, *words)
    step.commands.append(command_line(typed))
    with demo.terminal.server(*typed, ready=lambda _: is_ready(demo.url)):
        yield


def is_ready(url: str) -> bool:
    """Tell whether a service takes requests."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def look(demo: Demo, step: Step) -> list[str]:
    """Look at the rules once; returns those that fire, and notes what the command says of them."""
    done = demo.type(
        step, "monitor", "--alerts", demo.path(RULES), "--log", demo.path(LOG), SPACING, codes=(0, 1)
    )  # fmt: skip
    firing = [line.partition(":")[0] for line in done.out.splitlines() if line.endswith(": fires")]
    if (done.code == 1) != bool(firing):
        raise StepError(f"aletheia monitor ended with {done.code}, and {firing or 'nothing'} fires: {done.err[-500:]}")
    step.facts["firing"] = firing
    told = [line.strip() for line in done.err.splitlines() if line.strip()]
    step.facts["told"] = told
    step.seen.append(f"Rules that fire: {', '.join(firing) or 'none'}.")
    return firing
