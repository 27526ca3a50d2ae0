"""Alerts: log, e-mail, webhook.

A notifier has a `name` and `send(message)`, which returns when the message was handed over and raises `NotSent`
otherwise. Error messages never contain a password or a webhook address, which is a secret too.
"""

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from lagebild.core.settings import BERLIN, Settings

TIMEOUT_SECONDS = 20
PASSWORD = "alert_smtp_password"


class NotSent(Exception):
    """A message was not delivered; a retry may succeed."""


class PartlySent(NotSent):
    """A message reached only some recipients of a channel; a retry would notify those again."""


@dataclass(frozen=True)
class Message:
    """A message of a notifier; `facts` is its content for programs."""

    subject: str
    text: str
    facts: list[dict[str, Any]] = field(default_factory=list)


class Notifier(Protocol):
    """A channel."""

    name: str

    def send(self, message: Message) -> None: ...


class Log:
    """Prints; in a task this goes to its log."""

    name = "log"

    def __str__(self) -> str:
        return "log: of the task, or the screen"

    def send(self, message: Message) -> None:
        print(f"{message.subject}\n{message.text}")


@dataclass(frozen=True)
class Smtp:
    """Mail through the server of an URL: `smtp://[USER@]HOST[:25]` (TLS where offered) or `smtps://...[:465]`.

    A password is only sent over TLS.
    """

    url: str
    sender: str
    recipients: tuple[str, ...]
    password: Path
    """File with the password of the URL's user."""
    name: str = "smtp"

    def send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self.sender, ", ".join(self.recipients)
        mail.set_content(message.text, cte="quoted-printable")  # a server may not accept 8-bit data
        parts = urlsplit(self.url)
        password = self._password_of(parts.username) if parts.username else None
        try:
            with self._connected(parts) as server:
                if password:
                    server.login(parts.username, password)
                refused = server.send_message(mail)
        except smtplib.SMTPAuthenticationError as error:
            # The server's answer may repeat what was sent.
            raise NotSent(f"the mail server {parts.hostname} refuses user or password ({error.smtp_code})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server {parts.hostname}: {error}") from error
        if refused:
            raise PartlySent(f"the mail server {parts.hostname} refuses {len(refused)} of the recipients")

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.recipients)} by {self.url}"

    def _password_of(self, user: str) -> str:
        try:
            return self.password.read_text().strip()
        except OSError as error:
            raise NotSent(f"the password of {user} is not in {self.password} ({error.strerror})") from error

    @contextlib.contextmanager
    def _connected(self, parts: SplitResult):
        host, context = parts.hostname, ssl.create_default_context()
        if parts.scheme == "smtps":
            with smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context) as server:
                yield server
            return
        with smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_SECONDS) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif parts.username:
                raise NotSent(f"the mail server {host} offers no TLS: the password was not sent")
            yield server


@dataclass(frozen=True)
class Webhook:
    """POST of `{"text": ..., "facts": [...]}`, which chat services show as a message."""

    url: str = field(repr=False)
    name: str = "webhook"

    def __str__(self) -> str:
        return f"{self.name}: {urlsplit(self.url).hostname}"

    def send(self, message: Message) -> None:
        import requests

        body = {"text": f"{message.subject}\n{message.text}", "facts": message.facts}
        host = urlsplit(self.url).hostname
        try:
            answer = requests.post(self.url, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise NotSent(f"the webhook at {host}: {type(error).__name__}") from None  # its text contains the address
        if not 200 <= answer.status_code < 300:
            raise NotSent(f"the webhook at {host} answers {answer.status_code}")


def notifiers(settings: Settings) -> list[Notifier]:
    """The channels of the settings, always with the log; none if alerts are off."""
    if not settings.sends_alerts:
        return []
    found: list[Notifier] = [Log()]
    if settings.alert_smtp:
        recipients = tuple(filter(None, (address.strip() for address in settings.alert_to.split(","))))
        found.append(Smtp(settings.alert_smtp, settings.alert_from, recipients, settings.secrets / PASSWORD))
    if settings.alert_webhook:
        found.append(Webhook(settings.alert_webhook))
    return found


def to_each(channels: Iterable[Notifier], send: Callable[[Notifier], None]) -> None:
    """Call `send` with each channel, even if others fail; NotSent names those that failed."""
    problems = []
    for channel in channels:
        try:
            send(channel)
        except NotSent as error:
            problems.append(f"{channel.name}: {error}")
    if problems:
        raise NotSent("; ".join(problems))


def run_is_late(context: dict[str, Any]) -> None:
    """Airflow's deadline callback: a DAG run did not succeed within hours after it was queued."""
    from lagebild.core import settings

    run = context["dag_run"]
    deadline = datetime.fromisoformat(str(context["deadline"]["deadline_time"])).astimezone(BERLIN)
    message = Message(
        f"Lagebild: a run of {run['dag_id']} is late",
        f"The run {run['dag_run_id']} should have succeeded by {deadline:%Y-%m-%d %H:%M}, German time, and is"
        f" {run['state']}. Airflow shows its tasks and logs.",
        [
            {
                "dag_id": run["dag_id"],
                "run_id": run["dag_run_id"],
                "state": run["state"],
                "deadline": deadline.isoformat(),
            }
        ],
    )
    to_each(notifiers(settings.load()), lambda channel: channel.send(message))
