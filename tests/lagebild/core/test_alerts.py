"""Alerts reach a mail server and a webhook on this machine; whatever goes wrong, no secret is in what is said."""

import datetime
import ipaddress
import json
import socketserver
import ssl
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lagebild.cli.main import cli
from lagebild.core import alerts
from lagebild.core import settings as settings_module
from lagebild.core.alerts import Message, NotSent, PartlySent, Smtp, Webhook
from lagebild.core.errors import UserError
from tests.conftest import settings_in

MESSAGE = Message("Lagebild: 1 delivery is late", "Zuzüge 2024: late", [{"source": "moves", "period": "2024"}])
PASSWORD = "correct horse"


@contextmanager
def serving(server: socketserver.BaseServer):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- mail ---------------------------------------------------------------------------------------------


class MailHandler(socketserver.StreamRequestHandler):
    """Enough of SMTP (RFC 5321), AUTH PLAIN and STARTTLS for a client that keeps to it."""

    def handle(self):
        self.reply("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            self.server.heard.append(line)
            if verb == "EHLO":
                extensions = ["250-here", *(["250-STARTTLS"] if self.may_encrypt else []), "250 AUTH PLAIN"]
                self.reply("\r\n".join(extensions))
            elif verb == "STARTTLS":
                self.reply("220 go on")
                self.encrypt()
            elif verb == "AUTH":
                user, password = b64decode(line.split()[2]).decode().split("\0")[1:]
                is_known = (user, password) == ("clerk", PASSWORD)
                self.reply("235 welcome" if is_known else f"535 wrong password {password}")
            elif verb == "RCPT" and "nobody" in line:
                self.reply("550 no such user")
            elif verb == "DATA":
                self.reply("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.mails.append("".join(lines))
                self.reply("250 taken")
            elif verb == "QUIT":
                return self.reply("221 bye")
            else:
                self.reply("250 well")

    @property
    def may_encrypt(self) -> bool:
        return self.server.tls is not None and not isinstance(self.request, ssl.SSLSocket)

    def encrypt(self):
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.server.heard.append("(TLS)")
        self.setup()

    def reply(self, line: str):
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server():
    """A server on a free port; `tls` may be set to a context before the first mail."""
    server = socketserver.TCPServer(("127.0.0.1", 0), MailHandler)
    server.heard, server.mails, server.tls = [], [], None
    with serving(server):
        yield server


@pytest.fixture
def tls(tmp_path, monkeypatch) -> ssl.SSLContext:
    """A server's context with a certificate of the test's own, which clients of this process trust."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + secret)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def mailer(mail_server, tmp_path):
    """Call it for a client of the mail server, with a user whose password lies in a file."""

    def client(user: str = "", password: str = "", to: tuple[str, ...] = ("a@example.org",)) -> Smtp:
        path = tmp_path / alerts.PASSWORD
        if password:
            path.write_text(f"{password}\n")
        return Smtp(f"smtp://{user}127.0.0.1:{mail_server.server_address[1]}", "house@example.org", to, path)

    return client


def test_a_mail_arrives_as_it_was_written(mail_server, mailer):
    mailer(to=("a@example.org", "b@example.org")).send(MESSAGE)
    (text,) = mail_server.mails
    mail = message_from_string(text)
    assert (mail["Subject"], mail["From"], mail["To"]) == (
        MESSAGE.subject, "house@example.org", "a@example.org, b@example.org",
    )  # fmt: skip
    assert mail.get_payload(decode=True).decode().strip() == MESSAGE.text
    assert sum(line.upper().startswith("RCPT") for line in mail_server.heard) == 2


def test_a_password_is_never_sent_in_the_clear(mail_server, mailer):
    with pytest.raises(NotSent, match="offers no TLS") as caught:
        mailer("clerk@", PASSWORD).send(MESSAGE)
    assert not [line for line in mail_server.heard if line.startswith("AUTH")]
    assert mail_server.mails == [] and PASSWORD not in str(caught.value)


def test_a_user_logs_in_over_tls(mail_server, mailer, tls):
    mail_server.tls = tls
    mailer("clerk@", PASSWORD).send(MESSAGE)
    assert len(mail_server.mails) == 1
    verbs = [line.split()[0].upper() for line in mail_server.heard]
    assert verbs.index("(TLS)") < verbs.index("AUTH") < verbs.index("MAIL")


def test_a_wrong_password_is_not_repeated(mail_server, mailer, tls):
    mail_server.tls = tls
    with pytest.raises(NotSent, match="refuses user or password .535.") as caught:
        mailer("clerk@", "my other password").send(MESSAGE)
    assert "other" not in str(caught.value) and caught.value.__suppress_context__


def test_a_missing_password_is_named_by_its_file(mail_server, mailer, tls):
    mail_server.tls = tls
    with pytest.raises(NotSent, match="the password of clerk is not in .*alert_smtp_password"):
        mailer("clerk@").send(MESSAGE)
    assert mail_server.mails == []


def test_a_certificate_that_is_not_trusted_ends_it(mail_server, mailer, tls, monkeypatch):
    mail_server.tls = tls
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
        mailer("clerk@", PASSWORD).send(MESSAGE)
    assert mail_server.mails == []


def test_a_recipient_that_is_refused_is_no_success(mail_server, mailer):
    with pytest.raises(PartlySent, match="refuses 1 of the recipients"):
        mailer(to=("a@example.org", "nobody@example.org")).send(MESSAGE)
    with pytest.raises(NotSent) as caught:
        mailer(to=("nobody@example.org",)).send(MESSAGE)
    assert not isinstance(caught.value, PartlySent)


def test_a_mail_server_that_is_away_is_named():
    with socketserver.TCPServer(("127.0.0.1", 0), MailHandler) as server:
        port = server.server_address[1]
    with pytest.raises(NotSent, match="the mail server 127.0.0.1: .*refused"):
        Smtp(f"smtp://127.0.0.1:{port}", "house@example.org", ("a@example.org",), Path()).send(MESSAGE)


# --- webhook ------------------------------------------------------------------------------------------


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hook():
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.posts, server.status = [], 204
    server.url = f"http://127.0.0.1:{server.server_port}/hooks/secret-token"
    with serving(server):
        yield server


def test_a_webhook_is_sent_text_and_facts(hook):
    Webhook(hook.url).send(MESSAGE)
    ((path, kind, body),) = hook.posts
    assert (path, kind) == ("/hooks/secret-token", "application/json")
    assert body == {"text": f"{MESSAGE.subject}\n{MESSAGE.text}", "facts": MESSAGE.facts}


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_other_answer_is_no_success(hook, status):
    hook.status = status
    with pytest.raises(NotSent, match=f"127.0.0.1 answers {status}") as caught:
        Webhook(hook.url).send(MESSAGE)
    assert "secret-token" not in str(caught.value)
    assert [path for path, _, _ in hook.posts] == ["/hooks/secret-token"]


def test_a_webhook_that_is_away_is_named_without_its_address():
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        port = server.server_port
    webhook = Webhook(f"http://127.0.0.1:{port}/hooks/secret-token")
    with pytest.raises(NotSent, match="the webhook at 127.0.0.1: ConnectionError") as caught:
        webhook.send(MESSAGE)
    assert "secret-token" not in str(caught.value) and caught.value.__suppress_context__
    assert "secret-token" not in repr(webhook)


# --- which channels, and the deadline of a run ----------------------------------------------------------


def test_the_settings_name_the_channels(tmp_path):
    own = replace(settings_in(tmp_path), demo=False)
    assert [channel.name for channel in alerts.notifiers(own)] == ["log"]
    assert alerts.notifiers(replace(own, alert_enabled=False)) == []
    assert alerts.notifiers(replace(own, demo=True)) == []
    mail = {"alert_smtp": "smtps://clerk@mail.example.org", "alert_from": "f@x.org", "alert_to": "a@x.org, b@x.org"}
    _, smtp, webhook = alerts.notifiers(replace(own, **mail, alert_webhook="https://chat.example.org/hooks/1"))
    assert (smtp.recipients, webhook.name) == (("a@x.org", "b@x.org"), "webhook")
    assert smtp.password == own.secrets / "alert_smtp_password"


SET = {
    "LAGEBILD_ALERT_ENABLED": "1",
    "LAGEBILD_ALERT_SMTP": "smtp://clerk@mail.example.org:587",
    "LAGEBILD_ALERT_FROM": "f@x.org",
    "LAGEBILD_ALERT_TO": "a@x.org",
    "LAGEBILD_ALERT_WEBHOOK": "https://chat.example.org/hooks/secret-token",
}


def test_tasks_see_the_settings_of_alerts(tmp_path, monkeypatch):
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {})
    read = settings_module.load({"LAGEBILD_HOME": str(tmp_path), **SET})
    assert settings_module.load(read.variables()) == read
    assert read.sends_alerts and "secret-token" not in repr(read)
    assert not settings_module.load(SET | {"LAGEBILD_ALERT_ENABLED": ""}).sends_alerts
    assert settings_module.load(SET | {"LAGEBILD_ALERT_ENABLED": "", "LAGEBILD_DEMO": "0"}).sends_alerts


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"LAGEBILD_ALERT_ENABLED": "yes"}, "LAGEBILD_ALERT_ENABLED=yes is neither 0 nor 1"),
        ({"LAGEBILD_ALERT_SMTP": "mail.example.org"}, "LAGEBILD_ALERT_SMTP is not an URL of the form smtp://"),
        ({"LAGEBILD_ALERT_SMTP": "smtp://clerk:secret@mail.example.org"}, "without a password in it"),
        ({"LAGEBILD_ALERT_SMTP": "smtp://mail.example.org:99999"}, "LAGEBILD_ALERT_SMTP is not an URL"),
        ({"LAGEBILD_ALERT_WEBHOOK": "chat.example.org/secret"}, "LAGEBILD_ALERT_WEBHOOK is not an URL"),
        ({"LAGEBILD_ALERT_TO": ""}, "LAGEBILD_ALERT_TO, and not all are set"),
    ],
)
def test_a_malformed_setting_is_named_and_no_secret_is_repeated(wrong, said, monkeypatch):
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {})
    with pytest.raises(UserError, match=said) as caught:
        settings_module.load(SET | wrong)
    assert "secret" not in str(caught.value)


def test_the_command_lists_the_channels_and_tries_them(tmp_path, hook, monkeypatch):
    def command(own, *arguments):
        monkeypatch.setattr("lagebild.core.settings.load", lambda: own)
        return CliRunner().invoke(cli, ["alerts", *arguments], catch_exceptions=False).output

    own = settings_in(tmp_path)
    assert command(own) == "nobody is told: alerts are off (LAGEBILD_ALERT_ENABLED)\n"
    own = replace(own, alert_enabled=True, alert_webhook=hook.url)
    assert command(own) == "log: of the task, or the screen\nwebhook: 127.0.0.1\n" and hook.posts == []
    assert [one["channel"] for one in json.loads(command(own, "--format", "json"))] == ["log", "webhook"]
    assert command(own, "--try").endswith("sent to 2\n") and len(hook.posts) == 1
    hook.status = 500
    with pytest.raises(UserError, match="webhook: the webhook at 127.0.0.1 answers 500"):
        command(own, "--try")


CONTEXT = {
    "dag_run": {"dag_id": "build_warehouse", "dag_run_id": "manual__1", "state": "failed"},
    "deadline": {"id": "1", "deadline_time": "2026-07-01T22:30:00+00:00"},
}


def test_a_run_that_has_not_succeeded_in_time_is_told(hook, monkeypatch):
    """With the context that Airflow's scheduler makes; that the DAGs name this function is tested with them."""
    monkeypatch.setenv("LAGEBILD_ALERT_ENABLED", "1")
    monkeypatch.setenv("LAGEBILD_ALERT_WEBHOOK", hook.url)
    alerts.run_is_late(context=CONTEXT)
    ((_, _, body),) = hook.posts
    subject, text = body["text"].split("\n")
    assert subject == "Lagebild: a run of build_warehouse is late"
    assert text.startswith("The run manual__1 should have succeeded by 2026-07-02 00:30, German time, and is failed.")
    hook.status = 500
    with pytest.raises(NotSent, match="webhook: the webhook at 127.0.0.1 answers 500"):
        alerts.run_is_late(context=CONTEXT)
    monkeypatch.setenv("LAGEBILD_ALERT_ENABLED", "0")
    alerts.run_is_late(context=CONTEXT)
    assert len(hook.posts) == 2
