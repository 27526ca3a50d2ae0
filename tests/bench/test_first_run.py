"""The bench that holds this build against an earlier one: what it counts, what its table says, what stops it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lagebild.cli.main import cli
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.review.pending import check_pending
from tests.bench import first_run, page, phases, targets
from tests.bench.family import Family, Memory, Ran
from tests.bench.measure import Failed
from tests.bench.phases import Stack
from tests.bench.targets import NEW, OLD, Limit, Measured, Record, Row
from tests.support import deliver, query

COMMITS = {OLD: "aaaaaaa", NEW: "bbbbbbb"}
RUN = Row("`make run`", "s", "first_run", "seconds", Limit(0.5), Limit(0.35))
LINES = Row("lines", "", "first_run", "lines", Limit(40, is_ratio=False), worst=True)


def record_of(tmp_path: Path, old: list[float], new: list[float], row: Row = RUN) -> Record:
    record = Record(tmp_path / "results.jsonl")
    for side, values in ((OLD, old), (NEW, new)):
        for number, value in enumerate(values, 1):
            record.add(Measured(side, COMMITS[side], number, row.phase, {row.name: value}))
    return record


def full_record(path: Path, repetitions: int = 3, new: float = 0.4) -> Record:
    """Every figure of every row: 100 of the earlier build, `new` times that of this one."""
    record = Record(path)
    names: dict[str, set[str]] = {}
    for row in targets.ROWS:
        names.setdefault(row.phase, set()).add(row.name)
        names.setdefault(row.old_phase or row.phase, set()).add(row.old_name or row.name)
    for number in range(1, repetitions + 1):
        for side, factor in ((OLD, 1.0), (NEW, new)):
            for phase, figures in names.items():
                values = {name: 100 * factor for name in figures}
                record.add(Measured(side, COMMITS[side], number, phase, values, load_before=0.2))
    return record


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "met"), [([30.0, 35.0, 90.0], "aim"), ([30.0, 45.0, 90.0], "must"), ([40.0, 51.0, 52.0], "no")]
)
def test_the_median_of_the_ratios_says_what_is_met(tmp_path, new, met):
    line = targets.line(RUN, record_of(tmp_path, [100.0, 100.0, 100.0], new))
    assert line[-1] == met
    assert line[2:4] == [f"{new[1] / 100:.2f}", f"{new[0] / 100:.2f} to {new[2] / 100:.2f}"]


def test_a_ratio_is_of_one_repetition(tmp_path):
    # A machine that is slower for a while slows both: the medians alone, 100 and 60, would say 0.60.
    line = targets.line(RUN, record_of(tmp_path, [100.0, 300.0, 50.0], [60.0, 90.0, 15.0]))
    assert line[2:6] == ["0.30", "0.30 to 0.60", "100", "60"]


@pytest.mark.parametrize(("lines", "met"), [([40.0, 39.0], "must"), ([41.0, 39.0, 39.0], "no")])
def test_of_lines_the_most_count_and_not_the_ratio(tmp_path, lines, met):
    record = record_of(tmp_path, [691.0] * len(lines), lines, LINES)
    assert targets.line(LINES, record)[-3:] == ["40 abs.", "-", met]


def test_the_earlier_build_may_have_gone_another_way(tmp_path):
    record = full_record(tmp_path / "results.jsonl")
    row = next(row for row in targets.ROWS if row.old_phase)
    record.entries = [e for e in record.entries if not (e.side == OLD and e.phase == row.phase)]
    assert targets.line(row, record)[2] == "0.40"


def test_a_repetition_without_its_partner_is_no_ratio(tmp_path):
    with pytest.raises(Failed, match=r"\[1, 2\] of the earlier build, \[1\] of this one"):
        targets.line(RUN, record_of(tmp_path, [100.0, 100.0], [50.0]))


@pytest.mark.parametrize(("old", "new"), [(0.0, 1.0), (1.0, -0.1)])
def test_a_cost_of_nothing_is_no_measurement(tmp_path, old, new):
    with pytest.raises(Failed, match="nothing costs nothing"):
        targets.line(RUN, record_of(tmp_path, [old], [new]))


def test_a_figure_that_is_missing_is_named(tmp_path):
    record = Record(tmp_path / "results.jsonl")
    record.add(Measured(OLD, "aaaaaaa", 1, "first_run", {"lines": 3}))
    with pytest.raises(Failed, match="has no seconds"):
        record.series(OLD, "first_run", "seconds")


@pytest.mark.parametrize(
    ("seconds", "met"), [([], "-"), ([290, 295, 500], "aim"), ([395.0, 391, 402], "must"), ([401, 410, 390], "no")]
)
def test_what_was_timed_by_hand_stands_in_the_table_or_is_said_to_be_missing(tmp_path, seconds, met):
    lines = targets.lines(full_record(tmp_path / "results.jsonl"), {"tests": seconds})
    (line,) = (line for line in lines if line[0] == "`make test`: wall")
    assert line[-1] == met and ("not timed" in line) == (not seconds)


def test_every_target_of_the_issue_has_a_line(tmp_path):
    text = page.render_first_run(full_record(tmp_path / "results.jsonl"), "aaaaaaa", {})
    for what in ("`make run`", "bare way", "first task", "day after", "load", "build", "held", "explain", "status",
                 "--help", "idle stack: CPU", "idle stack: memory", "make test", ".ci/run", "make up"):  # fmt: skip
        assert any(what in line for line in text.splitlines() if line.startswith("|")), what
    assert "bbbbbbb against build aaaaaaa" in text and "quick form" not in text


def test_a_busy_machine_is_told(tmp_path):
    record = full_record(tmp_path / "results.jsonl")
    assert "Other programs" not in page.render_first_run(record, "aaaaaaa", {})
    record.add(Measured(NEW, "bbbbbbb", 3, "look", {"cpu_seconds": 1}, load_before=2.5))
    said = "(load average 2.5 after three idle minutes): the ratios are of runs in turn"
    assert said in page.render_first_run(record, "aaaaaaa", {})


@pytest.mark.parametrize("text", ["", "391;395", "-1", "nan", "fast"])
def test_seconds_by_hand_that_are_none_are_told(text):
    with pytest.raises(ValueError):
        targets.seconds_of(text)


def test_the_section_is_written_beside_the_others_and_more_repetitions_stay(tmp_path):
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Benchmarks\n\nrows: 5,000\n\n{page.PUBLISHING}\npublications: 200\n")
    full = page.render_first_run(full_record(tmp_path / "full.jsonl"), "aaaaaaa", {})
    quick = page.render_first_run(full_record(tmp_path / "quick.jsonl", repetitions=1), "aaaaaaa", {})
    assert "written" in page.write_first_run(path, quick) and "quick form" in path.read_text()
    assert "written" in page.write_first_run(path, full)
    assert "stays" in page.write_first_run(path, quick)
    assert "written" in page.write(path, "# Benchmarks\n\nnew\n\nrows: 5,000\n", 5_000)
    assert "written" in page.write_publishing(path, f"{page.PUBLISHING}\npublications: 300\n", 300)
    assert path.read_text() == (f"# Benchmarks\n\nnew\n\nrows: 5,000\n\n{page.PUBLISHING}\npublications: 300\n\n{full}")


# --- what is counted -------------------------------------------------------------------------------------------------


def counted(folder: Path, program: str) -> list[float]:
    """What a bench in a process of its own prints: it must not become the parent of what pytest starts.

    `orphan(code)` starts a process that its parent leaves at once, and returns when `code` is done; it then stays until
    there is a file `end`.
    """
    head = """
        import os, sys, time
        from pathlib import Path
        from tests.bench.family import Family
        from tests.bench.measure import Failed
        folder = Path(sys.argv[1])
        LEAVE = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True)"
        STAY = "\\nimport pathlib, sys, time\\npathlib.Path(sys.argv[1]).touch()" \\
            "\\nwhile not pathlib.Path('end').exists(): time.sleep(0.05)"
        def run(family, *arguments, **options):
            return family.run([sys.executable, "-c", *arguments], dict(os.environ), folder, **options)
        def until(is_so):
            while not is_so():
                time.sleep(0.05)
        def orphan(family, name, code):
            run(family, LEAVE, "-c", code + STAY, name)
            until((folder / name).exists)
    """
    text = textwrap.dedent(head) + textwrap.dedent(program)
    command = [sys.executable, "-c", text, folder]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return [float(word) for word in result.stdout.split()]


def test_servers_that_left_their_parent_are_counted_while_they_live_and_after(tmp_path):
    living, ended, left = counted(
        tmp_path,
        """
        with Family() as family:
            before = family.cpu_seconds()
            orphan(family, "server", "import time\\nwhile time.process_time() < 0.5: pass")
            living = family.cpu_seconds() - before
            (folder / "end").touch()
            until(lambda: not family.memory().processes)  # no zombie stands in the way of whoever waits for its end
            print(living, family.cpu_seconds() - before, family.memory().processes)
        """,
    )
    assert 0.5 <= living < 1.5 and living <= ended < living + 0.5
    assert left == 0


def test_memory_of_all_is_added_up(tmp_path):
    pss, rss, processes = counted(
        tmp_path,
        """
        with Family() as family:
            for name in ("one", "two"):
                orphan(family, name, "x = b'1' * (60 << 20)")
            memory = family.memory()
            (folder / "end").touch()
            print(memory.pss_mb, memory.rss_mb, memory.processes)
        """,
    )
    assert 120 < pss < rss < 200
    assert processes == 2


# --- what stops it ---------------------------------------------------------------------------------------------------


class Fake(Family):
    """A family whose commands are told beforehand; no process is started."""

    def __init__(self, outputs: dict[str, str]):
        super().__init__()
        self.outputs, self.called = outputs, []

    def run(self, command, environment, cwd, timeout=0, ends=0) -> Ran:
        words = " ".join(map(str, command[1:]))
        self.called.append(words)
        if words not in self.outputs:
            raise Failed(f"{words} ended with 1:\nno such thing")
        return Ran(0.0, 1.0, 0.5, self.outputs[words])

    def cpu_seconds(self) -> float:
        return len(self.called) * 0.5

    def memory(self) -> Memory:
        return Memory(1, 1, 1)


def test_a_command_that_fails_is_a_message_and_no_figure(tmp_path):
    results = tmp_path / "results.jsonl"
    broken = tmp_path / "empty"
    broken.mkdir()
    code = subprocess.run(
        [sys.executable, "-m", "tests.bench.first_run", "--against", "HEAD", "--repetitions", "1",
         "--results", results, "--folder", broken, "--output", tmp_path / "page.md"],
        env=os.environ | {"PATH": f"{failing_make(tmp_path)}:{os.environ['PATH']}"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert code.returncode == 1
    assert "make --no-print-directory environment ended with 3" in code.stderr and "out of luck" in code.stderr
    assert "goes on" in code.stderr
    assert not (tmp_path / "page.md").exists() and not results.exists()
    assert list(broken.iterdir()) == []  # clones and state are gone


def failing_make(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "make").write_text("#!/bin/sh\necho out of luck\nexit 3\n")
    (folder / "make").chmod(0o755)
    return folder


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    (seconds,) = counted(
        tmp_path,
        """
        with Family() as family:
            began = time.monotonic()
            try:
                run(family, "import time; time.sleep(600)", timeout=1)
            except Failed as error:
                assert "did not end within 1 s" in str(error), error
                print(time.monotonic() - began)
        """,
    )
    assert seconds < 60


def test_a_file_that_was_not_accepted_stops_the_bench(warehouse):
    stack = Stack(Fake({}), Path("/"), warehouse.home)
    object.__setattr__(stack, "warehouse", lambda sql, *values: query(warehouse, sql, *values))
    with pytest.raises(Failed, match=r"employees_2020.csv was to be accepted, and the ledger says nothing of it"):
        phases._assert_accepted(stack, "employees_2020.csv")
    for year in (2019, *phases.LOADED_YEARS, phases.BUILT_YEAR, phases.DELIVERED_YEAR):
        file = phases.small_file(ROOT, year, warehouse.home)
        deliver(warehouse, "employment", file.read_bytes(), file.name)
        if year == phases.BUILT_YEAR:  # loaded, and nobody decided yet
            with pytest.raises(Failed, match=r"says \[\('loaded', None\)\]"):
                phases._assert_accepted(stack, file.name)
        check_pending(warehouse, "employment")
        phases._assert_accepted(stack, file.name)


def test_a_build_that_publishes_nothing_stops_the_bench(tmp_path, monkeypatch):
    home = tmp_path / "state"
    file = tmp_path / "state-files" / f"eu2_employees_{phases.BUILT_YEAR}.csv"
    monkeypatch.setattr(phases, "_assert_accepted", lambda *of: None)
    monkeypatch.setattr(phases, "_wait_for_room", lambda seconds: None)
    monkeypatch.setattr(Stack, "publication", property(lambda self: 1))
    stack = Stack(Fake({f"load {file}": "", "build": "nothing new to build"}), ROOT, home)
    with pytest.raises(Failed, match="nothing new to build"):
        phases.build(stack, idle_rate=0.0)


def test_what_a_stack_takes_while_idle_is_no_commands_cost(monkeypatch):
    family = Fake({"status": ""})
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(phases.time, "monotonic", lambda: next(clock))
    meter = phases.Meter(family, idle_rate=0.02)
    family.run(["lagebild", "status"], {}, Path("/"))
    assert meter.cpu_seconds() == pytest.approx(0.5 - 0.2)


@pytest.mark.parametrize(
    ("now", "needed", "waits"), [(300, 190, 45), (320, 190, 25), (350, 190, 0), (410, 190, 0), (411, 190, 234)]
)
def test_nothing_is_measured_across_a_look_into_the_inboxes(now, needed, waits):
    assert phases.seconds_until_room(now, needed) == waits


# --- the commands and the record -------------------------------------------------------------------------------------


def test_every_command_is_found_by_its_groups_help():
    def help_of(way: tuple[str, ...]) -> str:
        return CliRunner().invoke(cli, [*way, "--help"]).output

    ways = {" ".join(way) for way, _ in phases.commands(help_of)}
    assert {"", "run", "delivery", "delivery held", "privacy keys", "privacy keys create"} <= ways
    assert "stack airflow" not in ways  # its help is Airflow's


def test_headings_may_be_ours_and_examples_are_no_commands():
    text = "Usage: x\n\n  Does.\n\n  Examples:\n    lagebild run  all\n\nOptions:\n  -h, --help  Show.\n\n"
    assert phases.named_commands(text) == []
    text += "Deliveries:\n  load   Load.\n           more of it\n  held   List.\n\nStack:\n  up\n"
    assert phases.named_commands(text) == ["load", "held", "up"]


def test_a_help_without_commands_stops_the_bench():
    with pytest.raises(Failed, match="names no command"):
        list(phases.commands(lambda way: "Usage: lagebild"))


def test_what_was_measured_is_not_measured_again(tmp_path):
    record = record_of(tmp_path, [100.0], [40.0])
    again = Record(tmp_path / "results.jsonl")
    assert again.entries == record.entries
    assert again.find(OLD, 1, "first_run") == {"seconds": 100.0}
    assert again.find(OLD, 2, "first_run") is None and again.find(NEW, 1, "idle") is None


def test_some_phases_can_be_measured_alone(tmp_path, monkeypatch, capsys):
    """`ask` needs the idle stack's rate; what is not asked for is not done, and a page of all is not touched."""
    monkeypatch.setattr(first_run, "clone", lambda *_: None)
    for name in ("environment", "first_run", "idle", "look", "load", "build", "day_after", "up", "bare"):
        monkeypatch.setattr(phases, name, lambda *_: {"cpu_seconds_a_minute": 60.0})
    monkeypatch.setattr(phases, "ask", lambda stack, rate: {"held_cpu_seconds": rate})
    monkeypatch.setattr(Stack, "make", lambda *_: None)
    monkeypatch.setattr(Stack, "remove", lambda *_: None)
    board = SimpleNamespace(doing=lambda text: None, say=lambda text: None)
    record = Record(tmp_path / "results.jsonl")
    first_run.turn(None, tmp_path, OLD, "aaaaaaa", 1, record, board, ["idle", "ask"])
    assert [entry.phase for entry in record.entries] == ["first_run", "idle", "ask"]
    assert record.find(OLD, 1, "ask") == {"held_cpu_seconds": 1.0}

    table = page.some_of_first_run(full_record(tmp_path / "all.jsonl"), ["idle"])
    assert "memory (PSS)" in table and "make run" not in table
    with pytest.raises(SystemExit):
        first_run.main(["--phases", "idel"])
    assert "idel: known are" in capsys.readouterr().err


def test_results_of_other_builds_are_not_mixed_in(tmp_path, capsys):
    full_record(tmp_path / "results.jsonl", repetitions=1)
    options = ["--only-page", "--against", "HEAD", "--results", str(tmp_path / "results.jsonl")]
    assert first_run.main([*options, "--output", str(tmp_path / "page.md")]) == 1
    assert "is of another build" in capsys.readouterr().err


def test_a_commit_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="0123abc is no commit"):
        first_run._commit("0123abc")
