"""The command line: `lagebild --help`.

Exit codes: 0 done, 1 a problem the message explains, 2 wrong usage, 130 stopped by Ctrl-C.
A module with commands is imported when one of them is used. Slow imports (the database driver, dbt, Great
Expectations, Airflow) are inside the functions that need them: a help text takes a tenth of a second.
"""

import errno
import importlib
import os
import sys
from dataclasses import dataclass

import click

from lagebild.core import output
from lagebild.core.errors import UserError


@dataclass(frozen=True)
class Topic:
    """A group of commands as the help shows it."""

    sentence: str
    examples: tuple[str, ...]
    commands: "dict[str, str | Topic]"
    """By name: `<module>.<function>` of a command in `lagebild/cli/<module>.py`, or a group in this group."""


COMMANDS: dict[str, str | Topic] = {
    "run": "stack.run",
    "sandbox": "sandbox.sandbox",
    "stack": Topic(
        "Start, stop and watch the local stack.",
        ("lagebild stack up", "lagebild stack status"),
        {
            "up": "stack.up",
            "down": "stack.down",
            "status": "stack.status",
            "health": "health.health",
            "credentials": "stack.credentials",
            "connection": "stack.connection",
            "airflow": "stack.airflow",
            "bi": "stack.bi",
            "alerts": "calendar.alerts",
            "config": "config.config",
        },
    ),
    "delivery": Topic(
        "Load deliveries and decide on them.",
        ("lagebild delivery load ~/ledger_05913000_2019.csv", "lagebild delivery held"),
        {
            "load": "inbox.load",
            "inbox": "inbox.inbox",
            "watch": "inbox.watch",
            "reload": "inbox.reload",
            "list": "delivery.deliveries",
            "rejected": "delivery.rejected",
            "statistics": "delivery.statistics",
            "held": "decision.held",
            "accept": "decision.accept",
            "refuse": "decision.refuse",
            "withdraw": "decision.withdraw",
            "calendar": "calendar.calendar",
        },
    ),
    "source": Topic(
        "Check contracts and fetch from sources.",
        ("lagebild source check register", "lagebild source fetch genesis"),
        {
            "check": "contract.check",
            "docs": "contract.docs",
            "fit": "contract.fit",
            "sniff": "contract.sniff",
            "fetch": "fetch.fetch",
            "fetches": "fetch.fetches",
            "catalogue": "fetch.catalogue",
        },
    ),
    "publication": Topic(
        "Build, publish, compare and extract marts.",
        ("lagebild publication build", "lagebild publication diff 4 5"),
        {
            "list": "publication.publications",
            "build": "warehouse.build",
            "publish": "publication.publish",
            "rollback": "publication.rollback",
            "diff": "publication.diff",
            "extract": "warehouse.extract",
        },
    ),
    "release": "release.release",
    "releases": "release.releases",
    "recall": "release.recall",
    "recipients": "release.recipients",
    "verify": "signing.verify",
    "release-key": Topic(
        "Create, rotate and revoke the signing key.",
        ("lagebild release-key list",),
        {
            "list": "signing.listing",
            "create": "signing.create",
            "rotate": "signing.rotate",
            "revoke": "signing.revoke",
        },
    ),
    "figure": Topic(
        "Explain where figures come from.",
        ("lagebild figure explain cost_per_person --place Dortmund --year 2019",),
        {
            "explain": "warehouse.explain",
            "bridge": "warehouse.bridge",
            "unmapped": "mapping.unmapped",
            "docs": "figure.docs",
        },
    ),
    "privacy": Topic(
        "Manage keys, erasure and retention.",
        ("lagebild privacy retention",),
        {
            "keys": Topic(
                "Create and rotate pseudonym keys.",
                ("lagebild privacy keys create --municipality Dortmund --purpose integration_statistics",),
                {"create": "privacy.create", "rotate": "privacy.rotate"},
            ),
            "erase": "privacy.erase",
            "retention": "privacy.retention",
        },
    ),
    "warehouse": Topic(
        "Migrate, back up and document the warehouse.",
        ("lagebild warehouse migrate", "lagebild warehouse backup /mnt/backups/2026-11-30"),
        {
            "migrate": "warehouse.migrate",
            "backup": "backup.backup",
            "restore": "backup.restore",
            "docs": "warehouse.docs",
            "quality-docs": "decision.quality_docs",
        },
    ),
}
"""What `lagebild --help` lists, in this order."""


def _moved(group: str, *names: str) -> dict[str, str]:
    return {name: f"{group} {name}" for name in names}


FORMER = {
    **_moved("stack", "up", "down", "status", "health", "credentials", "airflow", "alerts", "config"),
    **_moved("delivery", "load", "inbox", "watch", "reload", "rejected", "statistics"),
    **_moved("delivery", "held", "accept", "refuse", "withdraw", "calendar"),
    **_moved("source", "sniff", "fetch", "fetches", "catalogue"),
    **_moved("publication", "build", "publish", "rollback", "diff", "extract"),
    **_moved("figure", "explain", "bridge"),
    **_moved("privacy", "keys create", "keys rotate", "erase", "retention"),
    **_moved("warehouse", "migrate", "backup", "restore", "docs", "quality-docs"),
    "deliveries": "delivery list",
    "contracts check": "source check",
    "contracts docs": "source docs",
    "contracts fit": "source fit",
    "publications": "publication list",
    "mapping missing": "figure unmapped",
    "figures docs": "figure docs",
}
"""Names of version 0.1, before there were groups, and today's. They work for one version, and no help lists them."""

EXIT_CODES = "Exit codes: 0 done, 1 a problem that the message explains, 2 wrong usage, 130 stopped by Ctrl-C."


class Commands(click.Group):
    """A group whose commands are imported one by one, when they are needed."""

    def __init__(self, *arguments, table: dict[str, str | Topic] = COMMANDS, **options):
        options["params"] = [*options.get("params", []), *output.options()]
        super().__init__(*arguments, epilog=EXIT_CODES, **options)
        self.table = table

    def list_commands(self, context: click.Context | None) -> list[str]:
        return list(self.table or self.commands)

    def get_command(self, context: click.Context | None, name: str) -> click.Command | None:
        if name not in self.commands and name in self.table:
            self.add_command(_command(self.table[name]), name)
        return self.commands.get(name)

    def resolve_command(self, context: click.Context, arguments: list[str]):
        name = arguments[0]
        if name.startswith("-") or context.resilient_parsing or self.get_command(context, name):
            return super().resolve_command(context, arguments)
        from difflib import get_close_matches  # late: hardly ever needed

        known = {one: one for one in self.list_commands(context)}
        for words in (known, _words_by_name()):
            if near := get_close_matches(name, words, 1):
                raise click.UsageError(f"No such command {name!r}. Did you mean {words[near[0]]}?", context)
        raise click.UsageError(f"No such command {name!r}.", context)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(context)
        listed = [(name, self.get_command(context, name).get_short_help_str()) for name in names]
        with formatter.section("Commands"):
            formatter.write_dl(listed)


class CommandLine(Commands):
    """All groups, and below names that no help lists the commands that had them before."""

    def make_context(self, *arguments, **options) -> click.Context:
        output.reset()
        return super().make_context(*arguments, **options)

    def get_command(self, context: click.Context | None, name: str) -> click.Command | None:
        if (found := super().get_command(context, name)) is not None:
            return found
        if name in FORMER:
            return self._found(FORMER[name])
        parts = {former.split()[1]: now for former, now in FORMER.items() if former.startswith(f"{name} ")}
        if not parts:
            return None
        group = Commands(name, table={}, help="These commands have new names: see lagebild --help.")
        for part, now in parts.items():
            group.add_command(self._found(now), part)
        return group

    def _found(self, words: str) -> click.Command:
        command: click.Command | None = self
        for word in words.split():
            command = command.get_command(None, word)
        return command


def _command(place: str | Topic) -> click.Command:
    """The command of an entry of `COMMANDS`, with the options on output, and its exit codes below its help."""
    if isinstance(place, Topic):
        examples = "\n".join(["\b", "Examples:", *(f"  {example}" for example in place.examples)])
        return Commands(table=place.commands, help=f"{place.sentence}\n\n{examples}")
    module, _, function = place.partition(".")
    command = getattr(importlib.import_module(f"lagebild.cli.{module}"), function)
    command.epilog = command.epilog or EXIT_CODES
    if not command.context_settings.get("ignore_unknown_options"):  # those are for another program
        command.params.extend(output.options())
    return command


def _words_by_name(table: dict[str, str | Topic] = COMMANDS, group: str = "") -> dict[str, str]:
    """What to type for every group and command, by its last word and by its former name; of two the first."""
    found: dict[str, str] = {}
    for name, place in table.items():
        parts = _words_by_name(place.commands, f"{group}{name} ") if isinstance(place, Topic) else {}
        found = {**parts, name: f"{group}{name}"} | found
    return found if group else FORMER | found


def _tell_new_name(arguments: list[str]) -> None:
    """Say on a terminal that a command has another name now: scripts and logs see nothing of it."""
    words = [word for word in arguments if not word.startswith("-")]
    former = next((name for name in (" ".join(words[:2]), *words[:1]) if name in FORMER), None)
    if former and sys.stderr.isatty() and not {"-q", "--quiet"} & set(arguments):
        _tell(f"`{former}` is `lagebild {FORMER[former]}` now; the old name goes with the next version")


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. Errors become a message on standard error, never a traceback."""
    _tell_new_name(arguments)
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
        # The reader closed the pipe. The interpreter flushes at exit and must not write to the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    from lagebild.cli import unexpected_errors

    _tell(unexpected_errors.report(error))
    return 1


def _tell(message: str) -> None:
    click.echo(f"lagebild: {message}", err=True)


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lagebild")
def cli() -> None:
    """Pipeline and warehouse for municipal integration policy.

    \b
    Examples:
      lagebild run                       first run, on the bundled deliveries
      lagebild delivery held             deliveries that wait for a decision
      lagebild figure explain cost_per_person --place Dortmund --year 2019
    """
