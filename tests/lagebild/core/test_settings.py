"""The settings have one definition; pages, Airflow's processes, compose file, image, units and code follow it."""

import re
from dataclasses import replace

import pytest
import yaml

from lagebild.core import settings, settings_pages
from lagebild.core.settings import FIELDS, ROOT, VARIABLES, Settings
from lagebild.core.variables import EVERY, HOST, TEXT, WAREHOUSE, Variable
from lagebild.local import airflow
from tests.test_house import tracked

COMPOSE = (ROOT / "docker" / "compose.yaml").read_text()
UNITS = "".join(path.read_text() for path in tracked("docker/systemd", "docker/Dockerfile"))
CODE = ("*.py", "*.sql", "*.yml", "*.yaml", "*.md", ".env.example", "docker", "Makefile")
NAME = re.compile(r"LAGEBILD_[A-Z][A-Z0-9_]*[A-Z0-9](?![A-Z0-9_<])")
REQUIRED = (
    "home", "demo", "drop", "landing", "keys", "extracts", "secrets", "warehouse_dsn", "airflow_dsn", "postgres_port",
    "airflow_port",
)  # fmt: skip
ONE_MORE = Variable("LAGEBILD_ONE_MORE", TEXT, "What nobody knows of.", "Upkeep", otherwise="nothing")


def example_values(text: str) -> dict[str, str]:
    """What `.env.example` would set, were every line of it in force."""
    return dict(re.findall(r"^#(LAGEBILD_[A-Z0-9_]+)=(.+)$", text, re.MULTILINE))


def handed_on(variables: tuple[Variable, ...], to: str) -> set[str]:
    """The names that the compose file hands on to these containers."""
    names: set[str] = set()
    for one in variables:
        if one.compose == to:
            # Of a family without a name of its own: those that are explained one by one.
            names |= {one.bare_name} if one.bare_name else {line.partition("=")[0] for line in one.shown}
    return names


def differences_of_compose(text: str, variables: tuple[Variable, ...] = VARIABLES) -> set[str]:
    """What the compose file hands on or fixes otherwise than the definition says."""
    told = yaml.safe_load(text)
    every, warehouse = told["x-lagebild"]["environment"], told["x-warehouse"]
    found = handed_on(variables, EVERY) ^ every.keys()
    found |= handed_on(variables, WAREHOUSE) ^ (warehouse.keys() - every.keys())
    fixed = {one.name for one in variables if "compose" in one.fixed_in}
    both = every | warehouse
    found |= fixed ^ {name for name, value in both.items() if not value.startswith("${")}
    found |= {name for name, value in both.items() if name not in fixed and not value.startswith(f"${{{name}:-")}
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    found |= handed_on(variables, HOST) - used
    return found | {name for name in used if not any(one.pattern.fullmatch(name) for one in variables)}


def unknown(texts: list[str]) -> set[str]:
    """Names of settings in texts that no variable has; LAGEBILD_NAME stands for any."""
    names = {name for text in texts for name in NAME.findall(text)} - {"LAGEBILD_NAME"}
    return {name for name in names if not any(one.pattern.fullmatch(name) for one in VARIABLES)}


def test_the_pages_are_those_that_the_definition_gives(monkeypatch):
    """`make settings` writes them."""
    assert settings_pages.EXAMPLE.read_text(encoding="utf-8") == settings_pages.example()
    assert settings_pages.PAGE.read_text(encoding="utf-8") == settings_pages.page()
    monkeypatch.setattr(settings_pages, "VARIABLES", (*VARIABLES, ONE_MORE))
    assert "#LAGEBILD_ONE_MORE=" in settings_pages.example() and "`LAGEBILD_ONE_MORE`" in settings_pages.page()


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda one: one.name)
def test_each_setting_says_what_it_is_and_what_holds_without_it(variable):
    assert re.match(r"\S.*?[.:]( |$)", variable.about) and variable.form.says and variable.readers
    if variable.heading and not (variable.is_family or variable.form is TEXT or variable.example):
        assert variable.default or variable.otherwise


def test_defaults_in_code_are_those_of_the_variables(tmp_path):
    """A field that is left out in code is what it is where no variable is set, and no demo runs."""
    read = settings.load({"LAGEBILD_HOME": str(tmp_path)})
    given = Settings(**{name: getattr(read, name) for name in REQUIRED})
    assert replace(given, demo=False) == replace(read, demo=False)


@pytest.fixture
def without_dotenv(monkeypatch):
    monkeypatch.setattr(settings, "_dotenv", lambda path: {})


def test_every_example_is_read_and_reaches_the_processes_of_airflow_unchanged(without_dotenv, tmp_path):
    """Whoever starts Airflow and its tasks have the same settings, whatever is set."""
    values = example_values(settings_pages.example()) | {"LAGEBILD_HOME": str(tmp_path), "LAGEBILD_DEMO": "0"}
    values |= {"LAGEBILD_POSTGRES_PORT": "5433", "LAGEBILD_AIRFLOW_PORT": "8081", "LAGEBILD_ALERT_ENABLED": "0"}
    values |= {"LAGEBILD_AIRFLOW_DSN": "dbname=a", "LAGEBILD_CONFIG_DIR": str(tmp_path / "c")}
    own = settings.load(values)
    default = settings.load({"LAGEBILD_HOME": str(tmp_path), "LAGEBILD_DEMO": "0"})
    missed = {name for name in FIELDS if getattr(own, name) == getattr(default, name)}
    # Their examples show the default.
    assert missed <= {"home", "demo", "practice", "inbox_settle_seconds", "receipt_days", "airflow_log_days", "drop",
                      "landing", "keys", "extracts", "secrets"}  # fmt: skip
    (tmp_path / "ports.json").write_text('{"postgres": 1, "airflow": 2}')
    given = airflow.environment(own)
    assert settings.load({name: text for name, text in given.items() if name.startswith("LAGEBILD_")}) == own
    assert given.keys() >= {one.bare_name for one in FIELDS.values() if one.bare_name}


def test_what_is_secret_is_in_no_repr(without_dotenv):
    secret = {name: one for name, one in FIELDS.items() if one.is_secret}
    assert {"warehouse_dsn", "airflow_dsn", "alert_webhook", "secrets_backend_kwargs"} == set(secret)
    values = {one.name: f"https://GEHEIM-{name}.example" for name, one in secret.items()}
    values["LAGEBILD_SECRETS_BACKEND_KWARGS"] = '{"token": "GEHEIM"}'
    assert "GEHEIM" not in repr(settings.load(values))


def test_the_compose_file_hands_on_what_the_definition_says():
    assert differences_of_compose(COMPOSE) == set()


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("    LAGEBILD_PRACTICE: ${LAGEBILD_PRACTICE:-}\n", "", "LAGEBILD_PRACTICE"),
        ("    LAGEBILD_PULL:", "    LAGEBILD_PUL: ${LAGEBILD_PUL:-}\n    LAGEBILD_PULL:", "LAGEBILD_PUL"),
        ("  LAGEBILD_ALERT_WEBHOOK: ${LAGEBILD_ALERT_WEBHOOK:-}\n", "", "LAGEBILD_ALERT_WEBHOOK"),
        ('LAGEBILD_DEMO: "0"', "LAGEBILD_DEMO: ${LAGEBILD_DEMO:-}", "LAGEBILD_DEMO"),
        ("${LAGEBILD_PUBLISH:-}", "${LAGEBILD_PUBLISHER:-}", "LAGEBILD_PUBLISH"),
        ("${SCHEDULER_MEMORY:-8g}", "8g", "SCHEDULER_MEMORY"),
        ("${SCHEDULER_MEMORY:-8g}", "${SCHEDULER_MEM:-8g}", "SCHEDULER_MEM"),
    ],
)
def test_a_variable_too_many_or_too_few_in_the_compose_file_is_found(old, new, name):
    assert old in COMPOSE
    assert name in differences_of_compose(COMPOSE.replace(old, new, 1))


def test_a_setting_that_the_compose_file_does_not_know_is_found():
    assert differences_of_compose(COMPOSE, (*VARIABLES, ONE_MORE)) == {ONE_MORE.name}


def test_image_and_units_fix_what_the_definition_says():
    fixed = set(re.findall(r"^(?:Environment|ENV)[= ].*?(LAGEBILD_[A-Z_]+)=", UNITS, re.MULTILINE))
    assert fixed == {one.name for one in VARIABLES if "systemd" in one.fixed_in}


def test_every_setting_that_code_and_pages_name_is_one():
    files = [path for path in tracked(*CODE) if not path.is_relative_to(ROOT / "tests")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    assert len(texts) > 300 and unknown(texts) == set()
    assert unknown(["x = os.environ['LAGEBILD_HOEM']", "LAGEBILD_ALERT_*"]) == {"LAGEBILD_HOEM"}
