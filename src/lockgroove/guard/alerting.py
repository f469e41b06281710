"""Tells people that something waits for them: by a webhook that takes JSON, and by mail.

What is told has numbers and no names: whoever is meant looks them up here.
"""

from __future__ import annotations

import json
import logging
import smtplib
import threading
import time
from email.message import EmailMessage

import urllib3

from lockgroove.guard.cases import Cases
from lockgroove.guard.settings import Alerts

_LOG = logging.getLogger("lockgroove.guard")
_TIMEOUT_S = 10.0


class Alerting:
    """Remembers what was told. Failures are logged, and tried again with the next thing to tell."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._told: set[tuple[int, str]] = set()
        self._next_at = 0.0

    def tell(self, cases: Cases) -> None:
        """Tell of cases that have come to wait for somebody, at most so often; in a thread of its own."""
        alerts = self._alerts
        if not (alerts.webhook or alerts.mail_to) or time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + alerts.every_minutes * 60
        waiting = {(case.number, case.waits) for case in cases.all("open") if case.waits}
        if fresh := sorted(waiting - self._told):
            started = threading.Thread(
                target=self._send, args=[fresh, waiting], name="guard-alert", daemon=True
            )
            started.start()
        else:
            self._told = waiting

    def _send(self, fresh: list[tuple[int, str]], waiting: set[tuple[int, str]]) -> None:
        """What could not be sent is told again the next time."""
        if send(self._alerts, fresh):
            self._told = waiting


def send(alerts: Alerts, waiting: list[tuple[int, str]]) -> bool:
    """Send both kinds of message; what cannot be sent is logged. Whether all was sent."""
    failed = 0
    for wanted, how in ((alerts.webhook, _post), (alerts.mail_to, _mail)):
        if wanted:
            try:
                how(alerts, waiting)
            except (urllib3.exceptions.HTTPError, smtplib.SMTPException, OSError, ValueError) as error:
                _LOG.warning("An alert could not be sent to %s: %s", wanted, error)
                failed += 1
    return not failed


def _post(alerts: Alerts, waiting: list[tuple[int, str]]) -> None:
    body = {
        "text": _words(waiting),
        "cases": [{"case": number, "waits_for": what} for number, what in waiting],
    }
    with urllib3.PoolManager(timeout=_TIMEOUT_S, retries=2) as pool:
        answer = pool.request(
            "POST",
            alerts.webhook,
            body=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
    if answer.status >= 400:
        raise urllib3.exceptions.HTTPError(f"it answers {answer.status}")


def _mail(alerts: Alerts, waiting: list[tuple[int, str]]) -> None:
    letter = EmailMessage()
    letter["Subject"] = f"Lockgroove's guard: {len(waiting)} waiting"
    letter["From"], letter["To"] = alerts.mail_from or alerts.mail_to, alerts.mail_to
    letter.set_content(_words(waiting) + "\n")
    with smtplib.SMTP(*alerts.server, timeout=_TIMEOUT_S) as server:
        server.send_message(letter)


def _words(waiting: list[tuple[int, str]]) -> str:
    lines = [
        f"Case {number} waits for {'a reviewer' if what == 'appeal' else 'a decision'}."
        for number, what in waiting
    ]
    return "\n".join([*lines, "See: lockgroove guard cases"])
