"""Credentials for other people's services; no text that Python makes of one shows it."""

from dataclasses import dataclass

from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

HIDDEN = "********"
PARTS = ("user", "password", "token")
"""What a login has, as variables and as files of the secrets folder."""
OWN = (
    "postgres", "lagebild_loader", "lagebild_builder", "bi_reader", "statistics_office", "airflow_admin", "airflow_api",
    "airflow_database", "airflow_fernet", "airflow_jwt", "airflow_passwords.json", "alert_smtp_password",
    "lineage_token", "known_hosts", "superset_secret_key", "superset_admin", "superset_viewer",
)  # fmt: skip
"""The files of the secrets folder that are of no service that others run."""


@dataclass(frozen=True, repr=False)
class Access:
    """A user and a password; a token stands as user, with an empty password."""

    user: str
    password: str = ""

    @property
    def is_token(self) -> bool:
        """Tokens may only read: no jobs, no changes to the account."""
        return not self.password

    def __repr__(self) -> str:
        return f"Access({'token' if self.is_token else 'user and password'})"

    def hide(self, text: str) -> str:
        """The text without these credentials: a service may repeat what it was told."""
        for secret in sorted(filter(None, (self.user, self.password)), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text


def access_of(name: str, settings: Settings) -> Access | None:
    """The access to `name`; None if none was set.

    Each of user, password and token comes from the environment or `.env` (LAGEBILD_<NAME>_USER, _PASSWORD, _TOKEN),
    else from a file of the secrets folder (`<name>_user`, `<name>_password`, `<name>_token`). Raises UserError for
    half a login, and for a token beside a user: which one is meant is not guessed.
    """
    # The frame of an error may be shown with its variables, so that nothing secret stands in one here.
    parts = {part for part in PARTS if _secret(name, part, settings)}
    variables = f"LAGEBILD_{name.upper()}_USER and _PASSWORD"
    if "token" in parts and len(parts) > 1:
        raise UserError(f"{name}: there is a token and a user too", remedy=f"set {variables}, or _TOKEN, not both")
    if parts in ({"user"}, {"password"}):
        (missing,) = {"user", "password"} - parts
        raise UserError(f"{name}: the {missing} of the login is missing", remedy=f"set both {variables}")
    if not parts:
        return None
    return Access(_secret(name, "token" if "token" in parts else "user", settings), _secret(name, "password", settings))


def _secret(name: str, part: str, settings: Settings) -> str:
    given = settings_module.given().get(f"LAGEBILD_{name.upper()}_{part.upper()}")
    if given:
        return given
    path = settings.secrets / f"{name}_{part}"
    try:
        return path.read_text().strip() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the secret {path} cannot be read", remedy="make it readable, as text") from error
