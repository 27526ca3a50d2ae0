"""The command line says what is wrong and what to do, and its exit codes can be relied on."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lagebild.cli import cli


def lagebild(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    program = Path(sys.executable).with_name("lagebild")
    return subprocess.run(
        [program, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )


def test_help_lists_every_command_and_every_command_explains_itself():
    def commands(group, path=()):
        for name, command in group.commands.items():
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))

    for path, command in commands(cli):
        assert command.help and command.help.rstrip().split("\n")[0].endswith("."), path


def test_a_warehouse_that_was_never_started_is_exit_code_1_with_a_remedy(tmp_path):
    result = lagebild("deliveries", LAGEBILD_HOME=str(tmp_path), LAGEBILD_WAREHOUSE_DSN="")
    assert result.returncode == 1
    assert result.stderr == "lagebild: the warehouse was never started here\n  what to do: make up\n"


def test_a_server_that_does_not_answer_is_named(tmp_path):
    dsn = "postgresql://nobody@127.0.0.1:1/none"
    result = lagebild("migrate", LAGEBILD_HOME=str(tmp_path), LAGEBILD_WAREHOUSE_DSN=dsn)
    assert result.returncode == 1
    assert "127.0.0.1:1" in result.stderr and "make status" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LAGEBILD_DEMO", "yes"), ("LAGEBILD_POSTGRES_PORT", "70000"), ("LAGEBILD_AIRFLOW_PORT", "x")],
)
def test_a_malformed_setting_is_named(variable, value):
    result = lagebild("deliveries", **{variable: value})
    assert result.returncode == 1
    assert variable in result.stderr and value in result.stderr


def test_wrong_usage_is_exit_code_2():
    assert lagebild("no-such-command").returncode == 2
    assert lagebild("keys", "create", "--municipality", "5913000", "--purpose", "p").returncode == 2
    assert lagebild("explain", "cost_per_person").returncode == 2


def test_an_unknown_source_lists_the_known_ones(tmp_path):
    result = lagebild("load", "registr", LAGEBILD_HOME=str(tmp_path))
    assert result.returncode == 2 and "register" in result.stderr
