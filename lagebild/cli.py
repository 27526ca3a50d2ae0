"""The command line: `lagebild --help`.

Exit codes: 0 done, 1 a problem the message explains, 2 wrong usage, 130 stopped by Ctrl-C.
A module with commands is imported when one of them is asked for, and what costs time (the database's driver, dbt,
Great Expectations, Airflow) by the function that needs it: a help text is there in a tenth of a second.
"""

import errno
import importlib
import os
import sys

import click

from lagebild import output, warm
from lagebild.errors import UserError, did_you_mean

COMMANDS: dict[str, dict[str, str]] = {
    "The stack": {
        "run": "stack",
        "up": "stack",
        "down": "stack",
        "status": "stack",
        "health": "health",
        "credentials": "stack",
        "airflow": "stack",
    },
    "Deliveries": {
        "load": "inbox",
        "inbox": "inbox",
        "watch": "inbox",
        "reload": "inbox",
        "deliveries": "delivery",
        "rejected": "delivery",
        "statistics": "delivery",
        "held": "decision",
        "accept": "decision",
        "refuse": "decision",
        "withdraw": "decision",
        "quality-docs": "decision",
        "calendar": "calendar",
        "alerts": "calendar",
    },
    "Pulling": {"fetch": "fetch", "fetches": "fetch", "catalogue": "fetch"},
    "Contracts": {"contracts": "contract", "sniff": "contract"},
    "Marts and publications": {
        "migrate": "warehouse",
        "build": "warehouse",
        "publish": "publication",
        "docs": "warehouse",
        "publications": "publication",
        "rollback": "publication",
        "diff": "publication",
        "extract": "warehouse",
        "releases": "publication",
    },
    "Figures": {
        "explain": "warehouse",
        "bridge": "warehouse",
        "mapping": "mapping",
        "config": "config",
        "figures": "figure",
    },
    "Personal data and safety": {
        "keys": "privacy",
        "erase": "privacy",
        "retention": "privacy",
        "backup": "backup",
        "restore": "backup",
    },
}
"""Every command below the heading under which the help lists it, and the module `lagebild/<name>_commands.py`."""

EXIT_CODES = "Exit codes: 0 done, 1 a problem that the message explains, 2 wrong usage, 130 stopped by Ctrl-C."


class Commands(click.Group):
    """The commands above, imported one by one."""

    def make_context(self, *arguments, **options) -> click.Context:
        output.reset()
        return super().make_context(*arguments, **options)

    def list_commands(self, context: click.Context | None) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, context: click.Context | None, name: str) -> click.Command | None:
        if name not in self.commands:
            topic = next((section[name] for section in COMMANDS.values() if name in section), None)
            if topic is None:
                return None
            module = importlib.import_module(f"lagebild.{topic}_commands")
            self.add_command(_completed(getattr(module, name.replace("-", "_"))), name)
        return self.commands[name]

    def resolve_command(self, context: click.Context, arguments: list[str]):
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            error.message += f" {did_you_mean(arguments[0], self.list_commands(context)).capitalize()}".rstrip()
            raise

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(context)))
        limit = formatter.width - width - 6
        for heading, section in COMMANDS.items():
            with formatter.section(heading):
                rows = [(name, self.get_command(context, name).get_short_help_str(limit)) for name in section]
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in rows])


def _completed(command: click.Command) -> click.Command:
    """What every command has: the options on output, and the meaning of its exit code below its help."""
    if isinstance(command, click.Group):
        for part in command.commands.values():
            _completed(part)
    command.epilog = command.epilog or EXIT_CODES
    if not command.context_settings.get("ignore_unknown_options"):  # those are for another program
        command.params.extend(output.options())
    return command


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. Whatever goes wrong becomes a message on standard error, never a traceback."""
    try:
        code = cli.main(arguments, prog_name="lagebild", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except UserError as error:
        _tell(str(error))
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _tell("stopped; what was committed stays, and the same command goes on from there")
        return 130
    except OSError as error:
        if error.errno != errno.EPIPE:
            return _unexpected(error)
        # Whoever read our output has read enough. The interpreter flushes at its end and must not meet the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    from lagebild import unexpected

    _tell(unexpected.told(error))
    return 1


def _tell(message: str) -> None:
    click.echo(f"lagebild: {message}", err=True)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    params=output.options(),
    epilog=EXIT_CODES,
)
@click.version_option(package_name="lagebild")
def cli() -> None:
    """Pipeline and warehouse for municipal integration policy.

    \b
    Examples:
      lagebild run                                                        first run, on the bundled deliveries
      lagebild explain cost_per_person --place 05913000 --year 2019       where a figure comes from
      lagebild held                                                       deliveries that wait for a decision
    """


if __name__ == "__main__":
    warm.main()
