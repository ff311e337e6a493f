# Generated from notebooks/11-production.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config handler=promote
import mlrun

from aletheia.lifecycle import change, lifecycle_label
from aletheia.project import refuse_unknown


@refuse_unknown
def promote(
    context: mlrun.MLClientCtx,
    version: str,
    reason: str = "",
    accept_unjudged: list | None = None,
    waive: list | None = None,
):
    """Put a registered model into production, when the gate's verdict that was stored with it lets it pass.

    :param context:         the MLRun context
    :param version:         its version, such as v1.2.0, or a tag
    :param reason:          why
    :param accept_unjudged: checks of the gate that may stay unjudged
    :param waive:           ["staging"]: promote without a passed staging; needs a reason
    """
    _change(context, "promote", version, reason, accept_unjudged=accept_unjudged or (), waive=waive or ())


@refuse_unknown
def rollback(context: mlrun.MLClientCtx, version: str = "", reason: str = ""):
    """Go back to a version that was in production before; no file of the version that is left is looked at.

    :param context: the MLRun context
    :param version: by default the one before
    :param reason:  why
    """
    _change(context, "rollback", version, reason)


@refuse_unknown
def retire(context: mlrun.MLClientCtx, version: str, reason: str = ""):
    """Retire a registered model that is not in production: it can be promoted no more.

    :param context: the MLRun context
    :param version: its version, such as v1.2.0, or a tag
    :param reason:  why
    """
    _change(context, "retire", version, reason)


def _change(context: mlrun.MLClientCtx, action: str, version: str, reason: str, **exceptions: list | tuple):
    for key, value in lifecycle_label(action).items():
        context.set_label(key, value)

    def note(results: dict):
        context.log_results(results, commit=True)

    change(action, version, reason=reason, project=context.project, note=note, **exceptions)
