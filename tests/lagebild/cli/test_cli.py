"""The command line says what is wrong and what to do, and its exit codes can be relied on."""

import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner

import lagebild
from ingest.deliveries import delivery_ledger
from lagebild.cli import delivery
from lagebild.cli import main as command_line
from lagebild.cli.main import cli
from lagebild.core import database, output, settings
from lagebild.core.errors import UserError
from tests.conftest import settings_in

ROOM = Path(lagebild.__file__).parent
HEAVY = {"psycopg", "rich", "yaml", "psutil", "requests", "pandas", "numba", "dbt", "airflow", "ingest"}


def run_program(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    program = Path(sys.executable).with_name("lagebild")
    return subprocess.run(
        [program, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


PATHS = [(), *(path for path, _ in commands())]


@pytest.fixture
def failing(monkeypatch, tmp_path):
    """Lets `lagebild delivery list` raise an error of one's choice, with a state folder of the test's own."""
    monkeypatch.setenv("LAGEBILD_HOME", str(tmp_path))

    def fail_with(error: BaseException) -> None:
        def raises(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(delivery_ledger, "deliveries", raises)

    return fail_with


# --- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS[1:], ids=" ".join)
def test_the_first_sentence_of_every_help_fits_into_the_list_of_its_group(path):
    command = dict(commands())[path]
    sentence = command.help.strip().split("\n\n")[0]
    assert sentence.endswith(".") and len(sentence) <= 45, f"{len(sentence)} characters"
    assert command.get_short_help_str() == sentence


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_help_has_a_sentence_an_example_and_the_exit_codes(path):
    command = dict(commands()).get(path, cli)
    text = (command.help or "") if "airflow" in path else CliRunner().invoke(cli, [*path, "--help"]).stdout
    assert command.help.rstrip().split("\n")[0].endswith(".")
    example = " ".join(["lagebild", *path])
    assert re.search(rf"Examples?:\s+{example}", text) or re.search(rf"Examples:\n.*^ *{example}", text, re.M | re.S)
    assert "Exit codes: " in (text if "airflow" not in path else command.epilog)


@pytest.mark.parametrize("columns", ["60", "200"])
def test_each_help_lists_the_commands_of_its_group_in_full_on_every_terminal(columns):
    for path, group in [((), cli), *commands()]:
        if isinstance(group, click.Group):
            text = " ".join(CliRunner().invoke(cli, [*path, "--help"], env={"COLUMNS": columns}).stdout.split())
            for name in group.list_commands(None):
                assert f" {name} {group.get_command(None, name).help.split('.')[0]}." in text
            assert "130 stopped by Ctrl-C" in text


# --- the names of version 0.1 ----------------------------------------------------------------------------------------


ONE_WORD = """
    up down status health credentials airflow load inbox watch reload deliveries rejected statistics held accept refuse
    withdraw quality-docs calendar alerts fetch fetches catalogue sniff migrate build publish docs publications rollback
    diff extract explain bridge config erase retention backup restore
"""
TWO_WORDS = (
    "contracts check", "contracts docs", "contracts fit", "figures docs", "keys create", "keys rotate",
    "mapping missing",
)  # fmt: skip


def test_a_former_name_is_its_new_command_and_no_help_lists_it():
    new = {" ".join(path): command for path, command in commands()}
    assert sorted(command_line.FORMER) == sorted([*ONE_WORD.split(), *TWO_WORDS])
    for former, now in command_line.FORMER.items():
        name, command, rest = cli.resolve_command(click.Context(cli), [*former.split(), "x"])
        if isinstance(command, click.Group):
            name, command, rest = command.resolve_command(click.Context(command), rest)
        assert command is new[now] and name == former.split()[-1] and rest == ["x"]
        assert former not in new and former.split()[0] not in cli.list_commands(None)
    assert "check" in CliRunner().invoke(cli, ["contracts", "--help"]).stdout


def test_a_former_name_does_the_same(failing, capsys):
    failing(UserError("no"))
    for words in ("deliveries", "delivery list"):
        assert command_line.run(words.split()) == 1
        assert capsys.readouterr().err == "lagebild: no\n"


@pytest.mark.parametrize(
    ("arguments", "is_told"), [("deliveries", True), ("-q deliveries", False), ("delivery list", False)]
)
def test_on_a_terminal_a_line_tells_the_new_name(failing, capsys, monkeypatch, arguments, is_told):
    failing(UserError("no"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    command_line.run(arguments.split())
    said = capsys.readouterr()
    line = "lagebild: `deliveries` is `lagebild delivery list` now; the old name goes with the next version\n"
    assert said.err.startswith(line) == is_told and said.out == ""


# --- what all of them have -------------------------------------------------------------------------------------------


def test_whatever_lists_something_gives_it_to_programs_too():
    """The others do something, or write a file; what they print is a line or two for people."""
    without = {" ".join(path) for path, command in commands() if not isinstance(command, click.Group)
               and not any("--format" in option.opts for option in command.params)}  # fmt: skip
    assert without == {
        "run", "stack up", "stack bi", "stack connection", "stack down", "stack airflow", "delivery load",
        "delivery watch",
        "delivery reload", "delivery accept", "delivery refuse", "delivery withdraw", "source docs", "source fit",
        "source sniff", "source fetch", "publication build", "publication publish", "publication rollback",
        "publication extract", "release", "recall",
        "figure docs", "privacy keys create", "privacy keys rotate", "privacy erase", "warehouse migrate",
        "warehouse backup", "warehouse restore", "warehouse docs", "warehouse quality-docs", "release-key create",
        "release-key rotate", "release-key revoke",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lod", "ledger"], "Did you mean delivery load?"),
        (["delivry", "list"], "Did you mean delivery?"),
        (["delivery", "lod", "ledger"], "Did you mean load?"),
        (["delivery", "explain"], "Did you mean figure explain?"),
        (["privacy", "keys", "creat"], "Did you mean create?"),
        (["contracts", "chek"], "Did you mean check?"),
        (["delivery", "load", "ledgr"], "there is no file ledgr, and no source of that name. Did you mean ledger?"),
        (["delivery", "load", "ledger_05913000_2019.cvs"], "there is no file ledger_05913000_2019.cvs"),
        (
            ["figure", "explain", "cost_per_persn", "--place", "Dortmund", "--year", "2019"],
            "did you mean cost_per_person?",
        ),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest_one(arguments, said):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code in (1, 2) and said in result.output + str(result.exception)


def test_of_an_own_server_nobody_is_told_to_start_the_embedded_one(tmp_path):
    own = replace(settings_in(tmp_path), warehouse_dsn="postgresql://u:geheim@127.0.0.1:1/x")
    with pytest.raises(UserError, match="no connection") as caught, database.connect(own):
        pass
    assert "LAGEBILD_WAREHOUSE_DSN" in caught.value.remedy and "make up" not in caught.value.remedy
    assert "geheim" not in str(caught.value)


def test_every_command_of_every_module_is_in_the_list():
    listed = {command.callback for path, command in commands()}
    for file in sorted(ROOM.glob("*_commands.py")):
        module = importlib.import_module(f"lagebild.{file.stem}")
        found = [value for value in vars(module).values() if isinstance(value, click.Command)]
        assert found and {command.callback for command in found} <= listed, file


def test_no_help_waits_for_what_only_the_work_needs():
    code = (
        "import sys\nfrom lagebild.cli.main import run\n"
        f"for path in {[list(path) for path in PATHS if 'airflow' not in path]}:\n"
        "    assert run([*path, '--help']) == 0\n"
        "print('loaded:', *sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in result.stdout.splitlines()[-1].split()[1:]}
    assert "click" in loaded and not loaded & HEAVY


def test_help_is_there_although_the_settings_are_wrong():
    assert run_program("held", "--help", LAGEBILD_DEMO="yes").returncode == 0


def test_the_states_to_choose_from_are_those_of_the_ledger():
    assert delivery.STATES == delivery_ledger.STATES


# --- how much is said ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "level", "is_drawing"),
    [
        ("deliveries", output.Level.NORMAL, True),
        ("-v deliveries", output.Level.VERBOSE, True),
        ("deliveries --verbose", output.Level.VERBOSE, True),
        ("-v deliveries -v", output.Level.VERBOSE, True),
        ("-q deliveries --no-progress", output.Level.QUIET, False),
        ("--no-progress deliveries -q", output.Level.QUIET, False),
    ],
)
def test_the_options_on_output_stand_before_and_after_the_command(failing, line, level, is_drawing):
    failing(UserError("no"))
    assert command_line.run(line.split()) == 1
    assert output.current == output.Output(level, is_drawing)


def test_quiet_and_verbose_exclude_each_other():
    assert run_program("-q", "deliveries", "-v").returncode == 2


def test_where_colour_is_forced_in_a_pipe_nothing_is_drawn(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    with open(os.devnull, "w") as stream:
        assert not output.can_draw(stream)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_warehouse_that_was_never_started_is_exit_code_1_with_a_remedy(tmp_path):
    result = run_program("deliveries", LAGEBILD_HOME=str(tmp_path), LAGEBILD_WAREHOUSE_DSN="")
    assert result.returncode == 1
    assert result.stderr == "lagebild: the warehouse was never started here\n  what to do: make up\n"


def test_a_server_that_does_not_answer_is_named(tmp_path):
    dsn = "postgresql://nobody@127.0.0.1:1/none"
    result = run_program("migrate", LAGEBILD_HOME=str(tmp_path), LAGEBILD_WAREHOUSE_DSN=dsn)
    assert result.returncode == 1
    assert (
        "127.0.0.1:1" in result.stderr
        and "LAGEBILD_WAREHOUSE_DSN" in result.stderr
        and "Traceback" not in result.stderr
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LAGEBILD_DEMO", "yes"), ("LAGEBILD_POSTGRES_PORT", "70000"), ("LAGEBILD_AIRFLOW_PORT", "x")],
)
def test_a_malformed_setting_is_named(variable, value):
    result = run_program("deliveries", **{variable: value})
    assert result.returncode == 1
    assert variable in result.stderr and value in result.stderr


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("LAGEBILD_HOEM", "LAGEBILD_HOME"),
        ("LAGEBILD_ALERT_SMPT", "LAGEBILD_ALERT_SMTP"),
        ("LAGEBILD_WAREHOUSE_DNS", "LAGEBILD_WAREHOUSE_DSN"),
        ("LAGEBILD_XYZZY", ".env.example"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_name(variable, near):
    result = run_program("deliveries", **{variable: "1"})
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"{variable} is no setting" in result.stderr and near in result.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("LAGEBILD_DEMO: 0", "LAGEBILD_DEMO is set by no line of the form NAME=value"),
        ("LAGEBILD_DEMO", "LAGEBILD_DEMO is set by no line"),
        ("lagebild_demo=0", "did you mean LAGEBILD_DEMO?"),
        ("set LAGEBILD_DEMO=0", "LAGEBILD_DEMO is set by no line"),
        ("LAGEBILD-DEMO=0", "did you mean LAGEBILD_DEMO?"),
        ("LAGEBILDDEMO=0", "did you mean LAGEBILD_DEMO?"),
        ("LAGEBILD_DEMO=1\nLAGEBILD_DEMO=0", ".env:3: LAGEBILD_DEMO is set twice"),
        ("LAGEBILD_ALERT_WEBHOOK: https://geheim", ".env:2: LAGEBILD_ALERT_WEBHOOK is set by no line"),
    ],
)
def test_no_line_of_env_is_passed_over_that_speaks_of_a_setting(tmp_path, monkeypatch, line, said):
    """Passed over, LAGEBILD_DEMO=0 would put made-up files between real ones."""
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / ".env").write_text(f"# own\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        settings.given({})
    assert said in str(caught.value) and "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["LAGEBILD_DEMO=0", "export LAGEBILD_DEMO=0", "\ufeffLAGEBILD_DEMO = '0'\r", "A: b\nLAGEBILD_DEMO=0"]
)
def test_env_may_be_written_as_shells_and_editors_do(tmp_path, monkeypatch, line):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / ".env").write_text(f"{line}\n", encoding="utf-8", newline="")
    assert settings.given({}) == {"LAGEBILD_DEMO": "0"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"lagebild_demo": "0"}, "did you mean LAGEBILD_DEMO?"),
        ({"LAGEBILD_PUBLISHER_LEGDER": "x"}, "there is no source legder"),
        ({"LAGEBILD_LICENCE_REGSTER": "x"}, "did you mean register?"),
        ({"LAGEBILD_POSTGRES_PORT": "²"}, "is not a port"),
        ({"LAGEBILD_INBOX_SETTLE_SECONDS": "²"}, "is no number of seconds"),
        ({"LAGEBILD_RECEIPT_DAYS": "٣٠"}, "is no number of days"),
    ],
)
def test_what_a_setting_says_is_held_against_what_there_is(variables, said):
    with pytest.raises(UserError) as caught:
        settings.load(variables)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "line", ["migrate", "held", "build", "up", "extract", "explain cost_per_person --place 05 --year 2019"]
)
@pytest.mark.parametrize(
    "dsn",
    [
        "nonsense",
        "mysql://root:GEHEIM@127.0.0.1/x",
        "postgresql://u:GEHEIM@[::1/x",
        "dbname=x nosuchoption=1 password=GEHEIM",
        "postgresql://u:GEHEIM@127.0.0.1:99999/x",
        "postgresql://u:GEHEIM@127.0.0.1:1/x?connect_timeout=abc",
        "postgresql://u:GEHEIM@127.0.0.1:1/x?sslmode=maybe",
    ],
)
def test_a_wrong_connection_string_is_a_line_with_a_remedy_and_no_password(tmp_path, monkeypatch, capsys, line, dsn):
    for name, value in (("HOME", str(tmp_path)), ("WAREHOUSE_DSN", dsn), ("DEMO", "0"), ("WARM", "0")):
        monkeypatch.setenv(f"LAGEBILD_{name}", value)
    code = command_line.run(line.split())
    said = "".join(capsys.readouterr())
    assert code == 1 and "Traceback" not in said and "GEHEIM" not in said and "not expected" not in said, said
    assert "LAGEBILD_WAREHOUSE_DSN" in said or "make status" in said, said


@pytest.mark.parametrize("dsn", ["nonsense", "postgresql://u:GEHEIM@127.0.0.1:1/x?connect_timeout=abc"])
def test_the_status_of_a_wrong_connection_string_shows_no_password(tmp_path, dsn):
    given = {"HOME": str(tmp_path), "WAREHOUSE_DSN": dsn, "DEMO": "0"}
    result = run_program("status", **{f"LAGEBILD_{name}": value for name, value in given.items()})
    said = result.stdout + result.stderr
    assert "Traceback" not in said and "GEHEIM" not in said and "not expected" not in said
    assert "is stopped" in said or "LAGEBILD_WAREHOUSE_DSN" in said, said


def test_wrong_usage_is_exit_code_2():
    assert run_program("no-such-command").returncode == 2
    assert run_program("keys", "create", "--municipality", "05913000").returncode == 2
    assert run_program("explain", "cost_per_person").returncode == 2


def test_an_unknown_source_lists_the_known_ones(tmp_path):
    result = run_program("load", "registr", LAGEBILD_HOME=str(tmp_path))
    assert result.returncode == 2 and "register" in result.stderr


def test_what_nobody_expected_is_a_line_and_the_traceback_a_file(failing, capsys, tmp_path):
    failing(ValueError("two\nlines"))
    assert command_line.run(["deliveries"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    (file,) = (tmp_path / "logs").iterdir()
    assert line == f"lagebild: this was not expected: ValueError: two (traceback: {file})"
    text = file.read_text()
    assert text.startswith("Traceback") and text.endswith("ValueError: two\nlines\n") and "in raises" in text
    assert file.stat().st_mode & 0o777 == 0o600
    assert command_line.run(["deliveries", "-v"]) == 1
    assert "in raises" in capsys.readouterr().err


def test_the_traceback_of_a_database_error_holds_no_row(failing, capsys, tmp_path, warehouse):
    with psycopg.connect(warehouse.warehouse_dsn) as connection:
        connection.execute("create temp table person (name text primary key)")
        name = ["GEHEIM"]
        connection.execute("insert into person values (%s)", name)
        try:
            connection.execute("insert into person values (%s)", name)
        except psycopg.Error as error:
            cause = error
    assert name[0] in str(cause)
    wrapped = RuntimeError("while loading")
    wrapped.__cause__ = cause
    for error in (cause, wrapped):
        failing(error)
        assert command_line.run(["deliveries", "-v"]) == 1
    written = "".join(file.read_text() for file in (tmp_path / "logs").iterdir())
    shown = capsys.readouterr().err
    assert "duplicate key value" in written and "led to this one" in written
    assert name[0] not in written + shown


def test_a_traceback_has_a_place_although_the_state_folder_cannot_be_written_to(failing, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAGEBILD_HOME", str(tmp_path / "file" / "below"))
    failing(ValueError("x"))
    assert command_line.run(["deliveries"]) == 1
    named = Path(re.search(r"traceback: (.*)\)", capsys.readouterr().err)[1])
    assert "ValueError: x" in named.read_text()
    named.unlink()


def test_ctrl_c_is_exit_code_130_and_a_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes the call, and never answers
        dsn = f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/none"
        program = [Path(sys.executable).with_name("lagebild"), "deliveries"]
        own = {"LAGEBILD_HOME": str(tmp_path), "LAGEBILD_SECRETS_DIR": str(tmp_path), "LAGEBILD_WAREHOUSE_DSN": dsn}
        process = subprocess.Popen(program, env=os.environ | own, stderr=subprocess.PIPE, text=True)
        _taken, _ = server.accept()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=30)
    assert process.returncode == 130
    assert shown.strip().startswith("lagebild: stopped") and len(shown.strip().splitlines()) == 1


def test_a_reader_that_has_enough_is_no_error():
    program = Path(sys.executable).with_name("lagebild")
    result = subprocess.run(
        ["bash", "-c", f'for n in 1 2 3; do {program} --help; done 2>"$1" | true', "-", "/dev/stderr"],
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in result.stderr and "not expected" not in result.stderr and "Exception" not in result.stderr


# --- passwords -------------------------------------------------------------------------------------------------------


def test_passwords_are_shown_by_their_own_command_alone(warehouse, monkeypatch):
    monkeypatch.setattr(settings, "load", lambda: warehouse)
    secrets = {file.read_text().strip() for file in warehouse.secrets.iterdir() if file.is_file()}
    secrets |= {warehouse.secret("airflow_admin")}
    shown = CliRunner().invoke(cli, ["status"]).output
    assert str(warehouse.secrets / "bi_reader") in shown and "bi_reader@" in shown
    assert secrets and not [secret for secret in secrets if secret in shown]

    told = json.loads(CliRunner().invoke(cli, ["credentials", "--format", "json"]).stdout)
    with psycopg.connect(told["bi_reader"]) as reader:
        assert reader.execute("select current_user").fetchone() == ("bi_reader",)


def test_no_password_is_made_by_asking_for_it(tmp_path):
    result = run_program("credentials", LAGEBILD_HOME=str(tmp_path))
    assert result.returncode == 1 and "make up" in result.stderr
    assert not (tmp_path / "secrets").exists()


LISTINGS = (
    "delivery list", "delivery rejected", "delivery statistics", "delivery held", "delivery calendar", "stack alerts",
    "source fetches", "source catalogue", "source check", "publication list", "publication diff", "figure explain",
    "figure bridge", "figure unmapped", "privacy retention", "stack credentials",
)  # fmt: skip


@pytest.mark.parametrize("name", LISTINGS)
def test_a_command_that_lists_does_so_for_programs_too(name):
    command = cli
    for part in name.split():
        command = command.get_command(None, part)
    (form,) = [option for option in command.params if "--format" in option.opts]
    assert "json" in form.type.choices
