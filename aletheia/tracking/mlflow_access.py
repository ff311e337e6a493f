"""User and password of an MLflow server: refusals name the variables to set, never their values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.tracking.access import without_token

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

#: Variables that MLflow's client reads user, password and, in their place, a token from.
USER, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"


def refuse_password_in_address(uri: str) -> None:
    """Refuse an address with user and password: addresses are printed, recorded and seen in lists of processes.

    Raises
    ------
    InputError
        For ``https://user:password@host``; a database's address may have them.
    """
    shown = without_token(uri)
    if uri.startswith(("http://", "https://")) and shown != uri:
        raise InputError(f"Give the address without user and password ({shown}), and these as {USER} and {PASSWORD}.")


def refusal(uri: str, error: MlflowException) -> InputError:
    """Say in one sentence what an error of MLflow means for whoever asked.

    Parameters
    ----------
    uri
        Of the server or database.
    error
        What MLflow's client raised.
    """
    status = error.get_http_status_code()  # type: ignore[no-untyped-call]  # MLflow has no types here
    if status == 401:
        return InputError(f"The MLflow server at {uri} wants to know who you are. {_remedy()}")
    if status == 403:
        return InputError(f"The MLflow server at {uri} does not let the user of {USER} do this: {error.message}")
    return InputError(f"MLflow cannot use {without_token(uri)}: {error.message}")


def _remedy() -> str:
    given = [name for name in (USER, PASSWORD) if os.environ.get(name)]
    if len(given) == 2:
        return f"It knows no user with the values of {USER} and {PASSWORD}; correct them."
    if given:
        return f"Of {USER} and {PASSWORD} only {given[0]} is set; set both."
    if os.environ.get(TOKEN):
        return f"It does not accept the token in {TOKEN}; correct it, or set {USER} and {PASSWORD}."
    return f"Set {USER} and {PASSWORD}."
