"""The question under an answer: was this right? A form that the page's script shows, sends and hides."""

from __future__ import annotations

from html import escape

from aletheia.lifecycle.feedback.statement import MAX_NOTE, SOURCES

_LEAD = (
    "If you know what this picture or video is in truth, say so. Please do not guess: what is not known is worth "
    "nothing here, and what the model said is no way to know it."
)
_WHAT_HAPPENS = (
    "What happens with it: your words, the number of this answer and what the model said are stored on this service, "
    "without your name or address. They count only when whoever runs it has looked at them."
)
_LABEL_ALONE = "The picture itself is not kept."
_CONSENT = (
    "Keep the picture, too. It may be looked at, and models may be trained with it. I may give it, and whoever is seen "
    "in it agrees."
)
_CONSENT_NOTE = (
    "It is kept without its metadata (place, time, camera), and never shown to others by this service. Whoever runs "
    "the service can delete it: name the number of the answer,"
)


def render_feedback(*, keeps_pictures: bool) -> str:
    """Render the form, hidden until there is an answer.

    Parameters
    ----------
    keeps_pictures : bool
        Whether the service keeps pictures, so that the form asks for consent.
    """
    options = "".join(f'<option value="{name}">{escape(text)}</option>' for name, text in SOURCES.items())
    consent = (
        '<div data-consent><label class="choice"><input type="checkbox" name="consent" aria-describedby="consent-note">'
        f'<span>{escape(_CONSENT)}</span></label><p class="quiet" id="consent-note">{escape(_CONSENT_NOTE)} '
        "<code data-answer></code>.</p></div>"
        if keeps_pictures
        else ""
    )
    kept = "" if keeps_pictures else f" {_LABEL_ALONE}"
    return (
        '<section class="block feedback" data-feedback hidden aria-labelledby="feedback-title">'
        f'<h2 id="feedback-title">Was this right?</h2><p>{escape(_LEAD)}</p><form novalidate>'
        "<fieldset><legend>In truth it is</legend>"
        '<label class="choice"><input type="radio" name="label" value="genuine"><span>genuine</span></label>'
        '<label class="choice"><input type="radio" name="label" value="fake"><span>manipulated</span></label>'
        "</fieldset>"
        '<p><label for="feedback-source">How do you know?</label><select id="feedback-source" name="source">'
        f'<option value="">Choose one</option>{options}</select></p>'
        '<p><label for="feedback-note">Anything else (no names, please)</label>'
        f'<textarea id="feedback-note" name="note" rows="2" maxlength="{MAX_NOTE}"></textarea></p>{consent}'
        f'<p class="quiet">{escape(_WHAT_HAPPENS + kept)}</p>'
        '<p><button type="submit" class="quiet-button">Send</button></p></form>'
        '<p class="state" role="status" tabindex="-1"></p></section>'
    )
