"""Files of a bundle in JSON, beside its description: checked for size and hash, and read as one model of pydantic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation
from aletheia.models.model_files import read_model_file

Content = TypeVar("Content", bound=BaseModel)


def read_json_file(folder: str | Path, name: str, limit: int, sha256: str, kind: type[Content]) -> Content:
    """Read a file of a bundle as a model of this kind.

    Raises
    ------
    InputError
        When it is missing, larger than `limit` bytes, another file than the one with this hash, or does not fit.
    """
    file, content = read_model_file(folder, name, limit, sha256)
    try:
        return kind(**json.loads(content))
    except ValidationError as error:
        raise InputError(f"{file}: {explain_validation(error)}. Fetch the model again.") from None
    except (ValueError, RecursionError, TypeError) as error:
        raise InputError(f"{file} is not readable JSON ({type(error).__name__}); fetch the model again.") from None
