"""What feedback looks like on its way in, and what is answered to it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aletheia.lifecycle.feedback.statement import MAX_DETAIL, MAX_NOTE


class Feedback(BaseModel):
    """What a caller says about an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[0-9a-f]{32}$", description="Of the answer.")
    label: Literal["genuine", "fake"] = Field(description="What the picture or video is in truth.")
    source: Literal["own", "credentials", "expert", "other"] = Field(
        description="How that is known: own (taken or made by oneself, or seen with one's own eyes), credentials "
        "(content credentials, the original, a trusted archive), expert (an examination), other."
    )
    detail: str = Field("", max_length=MAX_DETAIL, description="More on the source, for other.")
    note: str = Field("", max_length=MAX_NOTE, description="Anything else; no names, please.")
    consent: bool = Field(False, description="Whether a picture that comes along may be kept, and trained on.")


class FeedbackNote(BaseModel):
    """That feedback was stored."""

    ok: Literal[True] = True
    id: str = Field(description="Of the answer.")
    label: Literal["genuine", "fake"]
    changed: bool = Field(description="Whether the caller had said something else about this answer.")
    picture_kept: bool
    message: str = Field(description="What happens with it.")
