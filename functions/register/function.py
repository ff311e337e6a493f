# Generated from notebooks/05-register.ipynb by `aletheia functions build`. Edit the notebook, not this file.

from tempfile import TemporaryDirectory

import mlrun

from aletheia.project import refuse_unknown
from aletheia.release import (
    CANDIDATE,
    CARD,
    MODEL_KEY,
    PRODUCTION,
    EvaluationReport,
    GateLimits,
    fetch_model,
    production_weights,
    release_bundle,
    run_gate,
)


def register(
    context: mlrun.MLClientCtx,
    model: mlrun.DataItem,
    evaluation: mlrun.DataItem,
    limits: dict | None = None,
    **unknown,
):
    """Tag the model `production` when every check passes, else keep it as `candidate`.

    :param context:    the MLRun context
    :param model:      the model of a training run
    :param evaluation: the evaluation of that model, as `evaluate` wrote it
    :param limits:     how good is good enough: fpr_ratio (2), fpr_gap (0.15), cell_auc (0.7), calibration_error (0.1)
    """
    refuse_unknown(register, unknown)
    report = EvaluationReport.parse(evaluation.get())
    weights = production_weights(project=context.project)
    checks = run_gate(report, GateLimits.parse(limits), production_weights=weights)
    tag = PRODUCTION if all(check.passed for check in checks) else CANDIDATE
    with TemporaryDirectory() as folder:
        _, spec = release_bundle(fetch_model(model), report, checks, folder)
        context.log_model(
            MODEL_KEY,
            db_key=MODEL_KEY,
            tag=tag,
            model_dir=folder,
            model_file="model.safetensors",
            framework="pytorch",
            algorithm=spec.architecture,
            metrics=spec.metrics,
            extra_data={name: name for name in ("model.json", CARD, *spec.files()[1:])},
            labels={"verdict": tag, "data_hash": spec.data_hash[:16], "weights": spec.weights_sha256[:32]},
        )
    for check in checks:
        print(f"{check.verdict}: {check.name} ({check.detail})")
    context.log_results({"tag": tag, "failed_checks": ", ".join(c.name for c in checks if not c.passed) or "none"})
