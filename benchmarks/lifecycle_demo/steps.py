"""The steps of the demo. Each goes by commands that a user would type, and fails when it does not do what it shows."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from aletheia.core.wording import counted
from aletheia.stats.anytime_sign_test import BETTER, OPEN
from benchmarks.lifecycle_demo.demo import LOG, RULES, Demo, look, promote
from benchmarks.lifecycle_demo.recording import Step
from benchmarks.lifecycle_demo.switching import Switch, production_names, switch
from benchmarks.lifecycle_demo.terminal import StepError, command_line
from benchmarks.lifecycle_demo.traffic import NEW, label, scored_by_both, share

#: Pictures by forgery ("" is genuine): what is known, with the new generator, and for the trial.
BEFORE = {"": 64, "self-blended": 20, "face-swap": 20, "upsampled": 20}
DURING = {"": 64, "self-blended": 8, "face-swap": 8, NEW: 80}
TRIAL = {"": 32, "self-blended": 8, "face-swap": 8, NEW: 48}
_SHADOW_SECONDS = 180.0  # it scores on spare time, of which a busy machine has little


def ensure_production(demo: Demo, step: Step) -> None:
    """Take the model in production; else promote the newest one, which is trained first where there is none."""
    models = demo.terminal.json("models", "list")
    if not models:
        demo.type(step, "run", *demo.workflow, "--no-promote", "--quiet")
        models = demo.terminal.json("models", "list")
    current = [model["version"] for model in models if model["state"] == "production"]
    if current:
        step.seen.append(f"{current[0]} is in production from an earlier demo.")
        demo.champion = current[0]
    else:
        demo.champion = models[0]["version"]
        reason = "first model of the demo: nothing answers yet that it could harm"
        step.seen.append(f"{demo.champion} is promoted; staging waived: {reason}.")
        promote(demo, step, demo.champion, reason, "--waive=staging")
    auc = next(model["metrics"].get("test_auc") for model in models if model["version"] == demo.champion)
    step.facts |= {"production": demo.champion, "test_auc": auc}
    step.seen.append(f"AUC {auc:.3f} on its test set.")


def known_traffic(demo: Demo, step: Step) -> None:
    """Send what the model knows: genuine faces, and the forgeries of its training."""
    sent = demo.send(BEFORE, 1)
    right = sum(one.right for one in sent)
    step.facts |= {"answers": len(sent), "right": right}
    shares = ", ".join(f"{name or 'genuine'} {share(sent, name)}" for name in BEFORE)
    step.seen.append(f"{counted(len(sent), 'answer')}, right: {shares}.")
    look(demo, step)


def new_generator(demo: Demo, step: Step) -> None:
    """Send pictures of a generator that the model has never seen, and look before anybody knows the truth."""
    demo.sent = demo.send(DURING, 2)
    fooled = sum(one.answer.verdict == "real" for one in demo.sent if one.forgery == NEW)
    step.facts |= {"answers": len(demo.sent), "new": DURING[NEW], "called_real": fooled}
    step.seen.append(
        f"{DURING[NEW]} of {counted(len(demo.sent), 'answer')} are about “{NEW}” faces, which no training had: "
        f"{fooled} are called real."
    )
    firing = look(demo, step)
    step.seen.append(f"Without labels, changes are {'noticed' if 'changed' in firing else 'not noticed'}.")


def feedback(demo: Demo, step: Step) -> None:
    """Tell the truth over HTTP with the pictures, let it count, and write what may be learnt from."""
    label(demo.url, demo.sent, keep=True)
    step.commands.append("aletheia feedback send ID fake --picture FILE --consent    # POST /v1/feedback")
    waiting = demo.terminal.json("feedback", "list", "--state", "waiting", "--log", demo.path(LOG))
    flagged = sum(bool(item["flags"]) for item in waiting)
    reason = "the demo drew the pictures itself"
    words = ("feedback", "accept", "--source=own", "--flagged", "--reason", reason, "--log", demo.path(LOG))
    chosen = demo.terminal.json(*words)["chosen"]
    step.commands.append(command_line(words))
    export = ("feedback", "export", demo.path("accepted"), "--log", demo.path(LOG))
    exported = demo.terminal.json(*export)
    step.commands.append(command_line(export))
    if len(chosen) != len(demo.sent) or exported["genuine"] + exported["fake"] != len(demo.sent):
        raise StepError(f"Of {len(demo.sent)} labels {len(chosen)} were accepted, and exported: {exported}")
    step.facts = {"accepted": len(chosen), "flagged": flagged, "exported": exported}
    step.seen.append(
        f"{counted(len(chosen), 'label')} with pictures came and were accepted; {flagged} flagged as suspicious (one "
        f"caller, many labels, against sure verdicts) and taken all the same: {reason}. Exported: "
        f"{exported['genuine']} genuine, {exported['fake']} fake."
    )


def alert(demo: Demo, step: Step) -> None:
    """Look again, now that the truth is known."""
    firing = look(demo, step)
    sentence = next((line for line in step.facts["told"] if "less often" in line), "")
    if "worse" not in firing or not sentence:
        raise StepError("No alert “worse”: the labels do not show the model to be worse than its evaluation.")
    found = sentence.partition("worse: ")[2].partition(" (limit")[0]
    step.seen.append(f"Raised by accepted labels: {found or sentence}.")


def retrain(demo: Demo, step: Step) -> None:
    """Train the champion again on its data and the accepted faces, if the labels are a reason to."""
    manifest = demo.path("accepted/manifest.csv")
    words = ("retrain", manifest, "--when=performance", "--log", demo.path(LOG))
    result = demo.terminal.json(*words, "--alerts", demo.path(RULES), "--quiet", codes=(0, 3, 4))
    step.commands.append(command_line(words))
    if result["state"] != "registered":
        raise StepError(f"{result['state']}: {' '.join(result.get('sentences') or [result['plan']['reason']])}")
    demo.challenger = result["version"]
    judged = result["results"]["judge"]
    step.facts = {"version": demo.challenger, "champion": demo.champion} | {
        name: judged.get(name) for name in ("new_faces", "mended", "broken", "test_difference", "new_difference")
    }
    step.seen += [*judged["sentences"], f"{demo.challenger} is registered."]
    step.facts["staged"] = result["results"]["hand-over"]["staged"]
    if step.facts["staged"]:
        step.seen.append("It passed the staging.")
        return
    # The usual budget of time supposes a machine that does little else.
    demo.type(step, "deploy", demo.challenger, "--env=staging", "--p95-ms=20000")
    step.facts["staged"] = True
    step.seen.append("It passed the staging with a budget of 20 s an answer; the usual second was too short here.")


def trial(demo: Demo, step: Step) -> None:
    """Let both models score live requests, label where they disagree, and ask who is better."""
    demo.asked = demo.send(TRIAL, 3)
    scored = scored_by_both(demo.log, len(demo.asked), _SHADOW_SECONDS)
    words = ("ab", "status", "--challenger", demo.challenger, "--log", demo.path(LOG))
    asked = demo.terminal.json(*words, "--ask=500")["ask"]
    if not scored or not asked:
        raise StepError(f"Both models scored {scored} pictures and disagree on {len(asked)}: nothing to label.")
    step.commands.append(command_line((*words, "--ask=500")))
    by_id = {one.answer.id: one for one in demo.asked}
    label(demo.url, [by_id[row["id"]] for row in asked], keep=False)
    ids = [row["id"] for row in asked]
    demo.terminal.run("feedback", "accept", *ids, "--reason", "disagreements of the trial", "--log", demo.path(LOG))
    step.commands.append("aletheia feedback accept ID…")
    status = demo.terminal.json(*words)
    step.commands.append(command_line(words))
    demo.decision = status
    step.facts = {name: status[name] for name in ("answer", "disagreements", "labelled", "wins", "labels_wanted")}
    step.facts |= {"scored_by_both": scored, "answers": status["answers"]}
    step.seen += status["sentences"]


def promotion(demo: Demo, step: Step) -> None:
    """Promote the challenger while requests go on; a champion that is better stays."""
    status = demo.decision
    if status["answer"] not in (BETTER, OPEN):
        raise StepError(
            f"{demo.challenger} is not promoted, since the trial does not speak for it: {status['answer']}."
        )
    reason = shlex.split(status["promote"])[-1] if status["promote"] else "shown by the demo; the trial is still open"

    def run(*words: str) -> Switch:
        return switch(demo.terminal, demo.url, demo.pictures, demo.challenger, *words)

    _note(demo, step, promote(demo, step, demo.challenger, reason, run=run))


def rollback(demo: Demo, step: Step) -> None:
    """Go back to the version before, in one command, while requests go on."""
    words = ("models", "rollback", "--reason", "the demo shows the way back")
    found = switch(demo.terminal, demo.url, demo.pictures, demo.champion, *words)
    step.commands.append(command_line(words))
    _note(demo, step, found)


def _note(demo: Demo, step: Step, found: Switch) -> None:
    names = production_names(demo.terminal, demo.url, demo.mlflow)
    if set(names.values()) != {found.version}:
        raise StepError(f"Production is to be {found.version}, and is named {names}.")
    step.facts |= dataclasses.asdict(found) | {"names": names}
    step.seen.append(
        f"{found.version} answers {found.since_tag:.2f} s after the tag moved, {found.since_command:.1f} s after the "
        f"command began; {counted(found.answers, 'request')} meanwhile, none lost, none mixed. MLRun's tag, MLflow's "
        f"alias and the service all name {found.version}."
    )


@contextlib.contextmanager
def dashboard(demo: Demo, step: Step, port: int) -> Iterator[str]:
    """Show it all on the dashboard; yields its address."""
    words = ("monitor", "--dashboard", "--log", demo.path(LOG), "--alerts", demo.path(RULES), "--port", str(port))
    step.commands.append(command_line(words[:-2]))
    url = f"http://127.0.0.1:{port}"
    with demo.terminal.server(*words, ready=lambda _: _is_shown(_summary(url), demo.answered)):
        summary = _summary(url)
        releases = sorted(version["release"] for version in summary["versions"])
        firing = [rule["name"] for rule in summary["alerts"]["rules"] if rule["status"] == "firing"]
        if not {demo.champion, demo.challenger} <= set(releases):
            raise StepError(f"The dashboard shows the versions {releases}.")
        step.facts = {"url": url, "versions": releases, "changes": _changes(summary), "firing": firing}
        step.seen.append(
            f"It shows {counted(summary['total']['requests'], 'request')}, the versions {', '.join(releases)}, the "
            f"changes {', '.join(_changes(summary))}, and the alerts {', '.join(firing) or 'none'}."
        )
        yield url


def _summary(url: str) -> dict[str, Any]:
    """Return what the dashboard shows of the last hour; nothing while it does not answer."""
    try:
        answer = httpx.get(f"{url}/api/v1/summary", params={"period": "hour"}, timeout=30.0, trust_env=False)
        return dict(answer.json()) if answer.is_success else {}
    except httpx.HTTPError:
        return {}


def _changes(summary: Mapping[str, Any]) -> list[str]:
    return [one["action"] for one in summary["switches"] if one["action"] != "answers"]


def _is_shown(summary: Mapping[str, Any], answered: int) -> bool:
    """Tell whether all answers are shown, and the last change of production: the dashboard asks for both in turn."""
    return bool(summary) and summary["log"]["known"] >= answered and _changes(summary)[-1:] == ["rollback"]
