"""Settings of the project, read from the environment (prefix ``ALETHEIA_``)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.core.cores import cores
from aletheia.core.environment import home_folder_error
from aletheia.core.errors import InputError

#: Further variables of the environment, with their meaning; `Settings` has the rest.
OTHER_VARIABLES = {
    "ALETHEIA_PROJECT": "The project's folder, if you work outside of it.",
    "ALETHEIA_DATA": "Folder of the drawn data and the crops; default: data/ of the project.",
    "ALETHEIA_API_KEY": "Key that the service demands and that the client sends.",
    "ALETHEIA_TRACKING_WHILE_PID": "Number of a process: a tracking service that is started ends with it, as in a "
    "batch job.",
    "MLRUN_DBPATH": "Address of an MLRun server to use in place of the embedded service.",
    "AWS_ENDPOINT_URL_S3": "Server of buckets (s3://…); default: Amazon's. Credentials are those of the AWS variables.",
    "MLFLOW_TRACKING_URI": "MLflow store that runs are copied to.",
    "MLFLOW_TRACKING_USERNAME": "User of an MLflow server that demands one.",
    "MLFLOW_TRACKING_PASSWORD": "That user's password.",
    "TQDM_DISABLE": "1 shows no progress bars, as `aletheia --quiet` does.",
}
#: Values that are never shown.
SECRETS = ("ALETHEIA_API_KEY", "MLFLOW_TRACKING_PASSWORD")


def _user_folder(locate: Callable[[str], str], variable: str) -> Path:
    try:
        return Path(locate("aletheia"))
    except RuntimeError:
        raise InputError(home_folder_error(variable)) from None


class Settings(BaseModel):
    """Settings from the environment; each field is read from the variable ``ALETHEIA_<FIELD>``."""

    model_config = ConfigDict(frozen=True)

    home: Path = Field(
        default_factory=lambda: _user_folder(platformdirs.user_data_dir, "ALETHEIA_HOME"),
        description="Folder of the embedded tracking database and its log.",
    )
    cache: Path = Field(
        default_factory=lambda: _user_folder(platformdirs.user_cache_dir, "ALETHEIA_CACHE"),
        description="Folder of files that can be made again: networks compiled for this machine, objects of buckets.",
    )
    objects_bytes: int = Field(
        100_000_000_000,
        gt=0,
        description="Bytes of the objects that were fetched from buckets (s3://…) and are kept in the cache.",
    )
    tracking_port: int = Field(8766, ge=1, le=65535, description="Port of the embedded tracking service, on 127.0.0.1.")
    max_pixels: int = Field(120_000_000, gt=0, description="An image with more pixels than this is refused, unread.")
    max_file_bytes: int = Field(100_000_000, gt=0, description="An image file larger than this is refused, unread.")
    max_video_bytes: int = Field(4_000_000_000, gt=0, description="A video file larger than this is refused.")
    workers: int = Field(
        default_factory=cores,
        ge=1,
        description="Processes that read images side by side.",
    )
    shard_from: int = Field(
        100_000,
        ge=1,
        description="From so many faces on they are written into archives (tar) of 10,000, not into a file each.",
    )
    device: Literal["auto", "cpu", "cuda", "gpu"] = Field(
        "cpu", description="Where networks answer: cuda (NVIDIA), gpu (Intel, OpenVINO), or auto: what is there."
    )


@functools.cache
def get_settings() -> Settings:
    """Read the settings once a process.

    Raises
    ------
    InputError
        When an environment variable holds an invalid value.
    """
    texts = {name: os.environ.get(f"ALETHEIA_{name.upper()}") for name in Settings.model_fields}
    try:
        return Settings(**{name: text for name, text in texts.items() if text is not None})
    except ValidationError as error:
        lines = [f"ALETHEIA_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise InputError("The environment holds a setting that does not fit. " + "; ".join(lines)) from None
