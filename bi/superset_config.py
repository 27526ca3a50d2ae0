"""Superset's own configuration; it is read from PYTHONPATH when Superset starts (lagebild/local/bi.py).

BI_STATE: folder of the metadata; BI_SECRETS: folder of the passwords; BI_WAREHOUSE: address of role bi_reader, without
its password. Neither the address nor the password is stored in Superset's metadata.
"""

import os
from pathlib import Path
from typing import Any

import loopback
from flask import Flask, Response, jsonify, request
from flask_babel import get_locale
from sqlalchemy.engine import URL, make_url

loopback.install()
_SECRETS = Path(os.environ["BI_SECRETS"])


def _secret(name: str) -> str:
    return (_SECRETS / name).read_text().strip()


APP_NAME = "Lagebild"
SECRET_KEY = _secret("superset_secret_key")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{Path(os.environ['BI_STATE']) / 'superset.db'}?timeout=30"
BABEL_DEFAULT_LOCALE = "de"
LANGUAGES = {"de": {"flag": "de", "name": "Deutsch"}, "en": {"flag": "gb", "name": "English"}}
# Datasets ask for the publication in force unless a filter names another one.
FEATURE_FLAGS = {"ENABLE_TEMPLATE_PROCESSING": True, "ALERT_REPORTS": False, "EMBEDDABLE_CHARTS": False}
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "lagebild_bi"
"""Cookies know no ports: Airflow, on the same host, has a `session` too."""
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    # Nothing from elsewhere: neither the vendor's pixel nor map tiles.
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        # Handlebars compiles its templates in the browser. Only the administrator can write one.
        "script-src": ["'self'", "'unsafe-eval'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
# Notes, bands and cartograms are laid out by their templates.
HTML_SANITIZATION_SCHEMA_EXTENSIONS = {"attributes": {"*": ["style", "className"]}, "tagNames": ["style"]}
# Places, not only the first ones, and a day's cells, not only some.
ROW_LIMIT = 10_000
CACHE_DEFAULT_TIMEOUT = 0
RATELIMIT_ENABLED = True
# Behind 127.0.0.1 there are few readers; a publication must be seen as soon as it is in force.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = {"CACHE_TYPE": "SupersetMetastoreCache", "CACHE_DEFAULT_TIMEOUT": 7 * 24 * 3600}
EXPLORE_FORM_DATA_CACHE_CONFIG = FILTER_STATE_CACHE_CONFIG

_FORMATS = {
    "de": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", " €"]},
    "en": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["€", ""]},
}
D3_FORMAT = _FORMATS["de"]


def COMMON_BOOTSTRAP_OVERRIDES_FUNC(data: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Superset's name
    """Numbers in the form of the reader's language."""
    return {"d3_format": _FORMATS["en" if str(get_locale() or "de").startswith("en") else "de"]}


def DB_CONNECTION_MUTATOR(  # noqa: N802 - Superset's name
    uri: URL, params: dict[str, Any], username: str | None, security_manager: Any, source: Any
) -> tuple[URL, dict[str, Any]]:
    """The warehouse where it listens today, as bi_reader; other databases are left alone."""
    if uri.host != "warehouse.lagebild.invalid":
        return uri, params
    address = make_url(os.environ["BI_WAREHOUSE"]).set(password=_secret("bi_reader"))
    return address.set(drivername="postgresql+psycopg2"), params


def FLASK_APP_MUTATOR(app: Flask) -> None:  # noqa: N802 - Superset's name
    """Keep pages from storing the colours of their legends, which each page tries when it is opened.

    A reader may not, and would see an error on the console; an administrator's look would count as a change.
    """

    @app.before_request
    def colours_stay() -> Response | None:
        is_colours = request.path.startswith("/api/v1/dashboard/") and request.path.endswith("/colors")
        return jsonify(result={}) if is_colours and request.method == "PUT" else None
