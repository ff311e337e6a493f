# Generated from notebooks/05-register.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["release"]'
# mlrun: config outputs='["detector"]'
from tempfile import TemporaryDirectory

import mlrun

from aletheia.datasets import read_faces
from aletheia.lifecycle import claim_version, lifecycle_label, publish
from aletheia.project import RunConfig, refuse_unknown
from aletheia.release import (
    CANDIDATE,
    CARD,
    MODEL_KEY,
    EvaluationReport,
    Exceptions,
    GateLimits,
    fetch_model,
    gate_labels,
    open_sealed,
    production_weights,
    refusal_sentences,
    release_bundle,
    release_tag,
    run_gate,
)


@refuse_unknown
def register(
    context: mlrun.MLClientCtx,
    model: mlrun.DataItem,
    evaluation: mlrun.DataItem,
    sealed: mlrun.DataItem = None,
    **options,
):
    """Tag the model `production` when every check passes or is excepted by name, else keep it as `candidate`.

    :param context:    the MLRun context
    :param model:      the model of a training run
    :param evaluation: the evaluation of that model, as `evaluate` wrote it
    :param sealed:     the sealed test faces, if there are any; scored when every other check lets the model pass
    :param options:    the release options of a run: limits, accept_unjudged, waive, model_version, promote, retrains
    """
    config = RunConfig.parse(options)
    report = EvaluationReport.parse(evaluation.get())
    weights = production_weights(project=context.project)
    limits, exceptions = GateLimits.parse(config.limits), Exceptions.parse(config.accept_unjudged, config.waive)
    checks = run_gate(report, limits, exceptions=exceptions, production_weights=weights)
    bundle = fetch_model(model)
    report = open_sealed(bundle, sealed and read_faces(sealed), report, checks, project=context.project)
    checks = run_gate(report, limits, exceptions=exceptions, production_weights=weights)
    verdict = release_tag(checks)
    tag = verdict if config.promote else CANDIDATE
    with TemporaryDirectory() as folder:
        _, spec = release_bundle(bundle, report, checks, folder)
        wanted = {"wanted": config.model_version, "retrains": config.retrains}
        version = claim_version(spec, **wanted, project=context.project)
        context.log_model(
            MODEL_KEY,
            db_key=MODEL_KEY,
            tag=version["version"],
            model_dir=folder,
            model_file="model.safetensors",
            framework="pytorch",
            algorithm=spec.architecture,
            metrics=spec.metrics,
            extra_data={name: name for name in ("model.json", CARD, *spec.files()[1:])},
            labels={
                "verdict": verdict,
                "data_hash": spec.data_hash[:16],
                "weights": spec.weights_sha256[:32],
                "evaluation": report.evaluate_run[:63],
                **version,
                **gate_labels(checks),
            },
        )
    for key, value in lifecycle_label("register").items():  # by it `aletheia models history` finds this run
        context.set_label(key, value)
    for check in checks:
        loosened = f"; limit loosened: {check.loosened}" if check.loosened else ""
        print(f"{check.verdict}: {check.name} ({check.detail}{loosened})")
    context.log_results(
        {
            **spec.origin(),
            "version": version["version"],
            **publish(version["version"], tag, project=context.project),
            "evaluation": report.evaluate_run,
            "failed_checks": ", ".join(check.name for check in checks if check.judged and not check.allows) or "none",
            "unjudged_checks": ", ".join(check.name for check in checks if not check.judged) or "none",
            "excepted_checks": ", ".join(f"{c.name} ({c.exception})" for c in checks if c.exception) or "none",
            "loosened_limits": ", ".join(f"{c.name} ({c.loosened})" for c in checks if c.loosened) or "none",
            "refusals": refusal_sentences(checks),
        }
    )
    # By these, later releases know for how many models the sealed faces were opened.
    context.log_results(report.sealed.results(report.weights_sha256))
