"""How persons log in to Airflow on a server: by a password of Airflow's own, or by the house's login (OpenID Connect).

The latter where the secret `airflow_oidc` is there; its form stands in docker/README.md.
"""

import json
import os
from pathlib import Path

from flask_appbuilder.const import AUTH_DB, AUTH_OAUTH

_oidc = Path(os.environ.get("LAGEBILD_SECRETS_DIR") or "/run/secrets") / "airflow_oidc"
AUTH_TYPE = AUTH_DB
# Nobody registers himself, and nobody sees anything before he logged in.
AUTH_USER_REGISTRATION = False
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "10 per minute"
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if _oidc.exists():
    AUTH_TYPE = AUTH_OAUTH
    OAUTH_PROVIDERS = json.loads(_oidc.read_text())["providers"]
    # Who logs in is known here from then on, with the roles of the groups that the house's login names, and no others.
    AUTH_USER_REGISTRATION = True
    AUTH_ROLES_SYNC_AT_LOGIN = True
    AUTH_ROLES_MAPPING = json.loads(_oidc.read_text())["roles"]
