"""The route for feedback on answers."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from aletheia.inference.errors import RequestError
from aletheia.serving.feedback import NOT_TAKEN, FeedbackDesk, parse_feedback
from aletheia.serving.feedback_schemas import FeedbackNote
from aletheia.serving.operations import FEEDBACK, FEEDBACK_BODY, FEEDBACK_FAILURES
from aletheia.serving.routes import CurrentService
from aletheia.serving.uploads import parse_json, receive_upload

router = APIRouter()


@router.post(
    "/v1/feedback",
    tags=["feedback"],
    response_model=FeedbackNote,
    responses=FEEDBACK_FAILURES,
    openapi_extra={"requestBody": FEEDBACK_BODY},
    dependencies=[Depends(FEEDBACK)],
)
async def feedback(request: Request, service: CurrentService) -> Response:
    """Say what the truth about an answer is, and how that is known; it counts when the operator has accepted it."""
    desk: FeedbackDesk | None = request.app.state.feedback
    if desk is None:
        raise RequestError("not_found", NOT_TAKEN)
    caller = desk.callers.admit(request.client.host if request.client else "")
    async with receive_upload(request, field_bytes=4096) as upload:
        if upload.is_json:
            given = parse_feedback(parse_json(upload.read()))
            return JSONResponse(await to_thread.run_sync(desk.take, given, caller))
        given = parse_feedback(upload.fields)
        desk.check_consent(given)
        async with service.admission.turn(service.config.request_timeout_s) as turn:
            note = await to_thread.run_sync(lambda: desk.take(given, caller, upload.read(), turn))
    return JSONResponse(note)
