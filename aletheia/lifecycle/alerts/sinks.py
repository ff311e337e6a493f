"""Telling people: a line on standard error, a webhook, a mail. One that fails is said, and harms no other."""

from __future__ import annotations

import smtplib
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from functools import partial

from aletheia.lifecycle.alerts.rules import AlertConfig, Mail
from aletheia.lifecycle.alerts.state import Alert

_TIMEOUT = 10.0  # seconds


def tell(alerts: Sequence[Alert], config: AlertConfig) -> tuple[list[Alert], list[str]]:
    """Send alerts everywhere; returns those that did not reach everybody, and a sentence for each failure.

    Parameters
    ----------
    alerts : sequence of Alert
    config : AlertConfig
        Where they go.
    """
    untold, failures = [], []
    for alert in alerts:
        failed: list[str] = []
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        print(f"{stamp} {alert.status.upper()} {alert.sentence} {alert.runbook}".rstrip(), file=sys.stderr, flush=True)
        for url in config.webhooks:
            failed += _try(f"The webhook {_without_secrets(url)}", partial(_post, url, alert))
        if config.mail:
            failed += _try(f"The mail server {config.mail.host}", partial(_send, config.mail, alert))
        untold += [alert] if failed else []
        failures += failed
    return untold, failures


def _try(name: str, send: Callable[[], None]) -> list[str]:
    try:
        send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return [f"{name} did not take an alert: {error}."]
    return []


def _post(url: str, alert: Alert) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, alert.model_dump_json().encode(), headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT):
        pass


def _send(mail: Mail, alert: Alert) -> None:
    message = EmailMessage()
    message["Subject"] = f"Aletheia {alert.status}: {alert.rule}"
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message.set_content(f"{alert.sentence}\n\n{alert.runbook}\n")
    with smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT) as server:
        if mail.starttls:
            server.starttls(context=ssl.create_default_context())
        if mail.user:
            server.login(mail.user, mail.password.get_secret_value())
        server.send_message(message)


def _without_secrets(url: str) -> str:
    """Return the address without path and query, where services keep their tokens."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"
