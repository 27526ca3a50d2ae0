"""`.env.example` and docs/settings.md, written from the one definition of the settings: `make settings`."""

import textwrap
from collections.abc import Iterator

from lagebild.core.settings import OTHERS, ROOT, VARIABLES
from lagebild.core.variables import Variable

WIDTH = 118
EXAMPLE, PAGE = ROOT / ".env.example", ROOT / "docs" / "settings.md"


def by_heading() -> dict[str, list[Variable]]:
    """The variables that may be set, below the headings of the pages."""
    found: dict[str, list[Variable]] = {}
    for one in VARIABLES:
        if one.heading:
            found.setdefault(one.heading, []).append(one)
    return found


def example() -> str:
    """The text of `.env.example`: each variable explained, none of them set."""
    lines = [
        "# Settings of Lagebild, each with its default. Copy to .env and change what you need; variables of the shell"
        " win.",
        "# Written by make settings from lagebild/core/settings.py, never by hand. As a table: docs/settings.md.",
    ]
    for heading, variables in by_heading().items():
        lines += ["", f"# --- {heading}"]
        for one in variables:
            told = f"{one.about} Default: {_default(one)}." if one.otherwise or "$" in one.default else one.about
            wrapped = textwrap.wrap(told, WIDTH, break_long_words=False, break_on_hyphens=False)
            lines += [f"# {line}" for line in wrapped]
            lines += [f"#{line}" for line in _shown(one)]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The text of docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Written by `make settings` from `lagebild/core/settings.py`, never by hand. A setting is a variable of the"
        " environment, or a line `NAME=value` in `.env` beside the Makefile; the environment wins. A misspelt one is"
        " refused, with the nearest name. A secret is repeated in no message.",
        "",
        "*Containers*: to whom `docker/compose.yaml` hands the variable on. *fixed*: it is no choice there. What is of"
        " one source (`LAGEBILD_PUBLISHER_<SOURCE>`) and logins reach no container by themselves: name them in a"
        " compose file of your own.",
    ]
    for heading, variables in by_heading().items():
        lines += ["", f"## {heading}", "", "| variable | form | default | what it is | read by | containers |"]
        lines += ["|---|---|---|---|---|---|", *map(_row, variables)]
    lines += ["", "## Set by the project for its own processes", ""]
    lines += ["| variable | what it is | read by |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {one.about} | {', '.join(one.readers)} |" for one in OTHERS if not one.heading]
    return "\n".join(lines) + "\n"


def _row(one: Variable) -> str:
    form = one.form.says + f" of {one.form.unit}" * bool(one.form.unit) + ", secret" * one.is_secret
    where = [f"fixed ({', '.join(one.fixed_in)})"] if one.fixed_in else filter(None, [one.compose])
    default = f"`{one.default}`" if one.default else one.otherwise.replace("<", "\\<") or "none"
    about = one.about.replace("<", "\\<").replace("|", "\\|")
    return f"| `{one.name}` | {form} | {default} | {about} | {', '.join(one.readers)} | {', '.join(where) or 'none'} |"


def _default(one: Variable) -> str:
    return one.otherwise or one.default


def _shown(one: Variable) -> Iterator[str]:
    """The lines that set it, by example."""
    default = "" if "$" in one.default else one.default
    yield from one.shown or (f"{one.name}={one.example or default}",)


def write() -> None:
    """Write both."""
    EXAMPLE.write_text(example(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
    print(f"written: {EXAMPLE.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
