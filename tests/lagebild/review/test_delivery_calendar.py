"""The calendar on fixed days: what is due, what came, what nobody sent; and each late period is told once."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest import contracts
from lagebild.cli.main import cli
from lagebild.core import database
from lagebild.core.alerts import NotSent, PartlySent
from lagebild.core.settings import Settings
from lagebild.review import calendar
from lagebild.review.calendar import Entry
from lagebild.warehouse import schedule
from tests.contract_files import descriptor, read
from tests.support import bundled_bytes, deliver_all, load_file, query

YEARLY = {"every": "year", "lag": "P6M", "reason": "The tests expect it."}


@pytest.fixture
def ruled(warehouse: Settings, tmp_path: Path):
    """Call it with entries of `lagebild:` to make `moves` the only source, of which nothing came yet."""

    def rule(**own) -> Settings:
        with database.connect(warehouse) as connection:
            connection.execute("delete from raw.delivery")
            schedule.sync(connection, [read(tmp_path, descriptor(**own))])
        return warehouse

    return rule


def came(settings: Settings, period: str, at: str, state: str = "accepted") -> int:
    """Write a delivery of `moves` into the ledger; `at` is a moment in Germany."""
    ((delivery_id,),) = query(
        settings,
        "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
        " contract_version, code_version, state, received_at)"
        " select 'moves', %s, encode(sha256(random()::text::bytea), 'hex'), 1, 'f', 1, 'l', 'c', 'c', %s,"
        " %s::timestamp at time zone 'Europe/Berlin' returning delivery_id",
        period,
        state,
        at,
    )
    return delivery_id


def on(settings: Settings, day: str) -> dict[str, Entry]:
    """The calendar of a day by period, with the municipality before it where there is one."""
    found = calendar.entries(settings, date.fromisoformat(day))
    by_name = {" ".join(filter(None, [entry.region_code, entry.period])): entry for entry in found}
    assert len(by_name) == len(found)
    return by_name


def states(settings: Settings, day: str) -> dict[str, str]:
    return {period: entry.state for period, entry in on(settings, day).items()}


def test_a_period_is_late_from_the_day_after_its_last_day_in_time(ruled):
    house = ruled(due=YEARLY)
    came(house, "2024", "2025-03-01 10:00")
    assert states(house, "2026-06-30") == {"2024": "accepted", "2025": "due", "2026": "due"}
    late = on(house, "2026-07-01")["2025"]
    assert (late.state, late.is_late, late.due_on, late.days_late) == ("late", True, date(2026, 6, 30), 1)
    assert (late.period_ends_on, late.first_delivered_at, late.delivery_id) == (date(2025, 12, 31), None, None)
    assert on(house, "2026-12-31")["2025"].days_late == 184
    assert [entry.is_late for entry in on(house, "2026-12-31").values()] == [False, True, False]


def test_what_is_from_before_the_first_delivery_here_is_not_due(ruled):
    """Deadlines count from your first delivery."""
    house = ruled(due=YEARLY)
    came(house, "2019", "2026-11-21 10:00")
    found = on(house, "2027-07-01")
    assert {period: entry.state for period, entry in found.items()} == {
        "2019": "accepted", "2026": "late", "2027": "due",
    }  # fmt: skip
    assert (found["2019"].due_on, found["2019"].days_late) == (None, None)


def test_a_period_whose_time_runs_out_on_the_day_of_the_first_delivery_is_due(ruled):
    house = ruled(due=YEARLY)
    came(house, "2019", "2026-06-30 23:59")
    assert "2025" in on(house, "2026-07-01")
    with database.connect(house) as connection:
        connection.execute("update raw.delivery set received_at = received_at + interval '2 minutes'")
    assert "2025" not in on(house, "2026-07-01")


def test_a_first_period_is_due_though_nothing_ever_came(ruled):
    house = ruled(due=YEARLY | {"first": 2024})
    assert states(house, "2026-07-01") == {"2024": "late", "2025": "late", "2026": "due"}
    came(house, "2024", "2026-08-01 10:00")
    found = on(house, "2026-08-02")
    assert (found["2024"].state, found["2024"].days_late, found["2024"].is_late) == ("accepted", 397, False)
    assert found["2025"].is_late


def test_a_source_that_never_came_is_listed(ruled):
    house = ruled(due=YEARLY)
    (entry,) = calendar.entries(house, date(2026, 7, 1))
    assert (entry.source, entry.period, entry.state, entry.is_late) == ("moves", None, "not_begun", False)


def test_due_dates_at_month_ends_and_in_leap_years(ruled):
    for every, lag, first, due_on in [
        ("month", "P0D", "2024-02", "2024-02-29"),
        ("month", "P1M", "2023-02", "2023-03-31"),  # a month's end stays one
        ("month", "P1M", "2024-01", "2024-02-29"),
        ("month", "P1M", "2023-01", "2023-02-28"),
        ("month", "P10D", "2024-02", "2024-03-10"),
        ("month", "P1Y", "2023-02", "2024-02-29"),
        ("month", "P1M10D", "2023-12", "2024-02-10"),
        ("quarter", "P1M", "2024-Q4", "2025-01-31"),
        ("quarter", "P2W", "2024-Q1", "2024-04-14"),
        ("year", "P2M", "2023", "2024-02-29"),
        ("year", "P2M", "2024", "2025-02-28"),
        ("year", "P18M", "2020", "2022-06-30"),
    ]:
        house = ruled(due={"every": every, "lag": lag, "first": first, "reason": "r"})
        entry = on(house, due_on)[first]
        assert (entry.due_on.isoformat(), entry.is_late) == (due_on, False), (every, lag, first)
        after = date.fromordinal(entry.due_on.toordinal() + 1).isoformat()
        assert on(house, after)[first].is_late


def test_every_month_of_a_leap_year_is_due_once(ruled):
    house = ruled(due={"every": "month", "lag": "P0D", "first": "2023-11", "reason": "r"})
    found = on(house, "2024-12-31")
    assert list(found) == ["2023-11", "2023-12", *(f"2024-{month:02}" for month in range(1, 13))]
    assert sum(entry.is_late for entry in found.values()) == 13


def test_days_are_days_in_germany(ruled):
    for at, days in [
        ("2026-06-30 23:30", 0),
        ("2026-07-01 00:30", 1),
        ("2026-07-02 00:00", 2),
        ("2026-03-29 03:30", 0),
    ]:
        house = ruled(due=YEARLY | {"first": 2025})
        came(house, "2025", at)
        assert on(house, "2026-12-31")["2025"].days_late == days, at
        day_in_germany = (
            "select (first_delivered_at at time zone 'Europe/Berlin')::text from quality.delivery_calendar()"
        )
        assert query(house, f"{day_in_germany} where period = '2025'") == [(f"{at}:00",)]


def test_what_came_and_was_sent_back_leaves_the_period_late(ruled):
    for state, is_late in [
        ("held", False),
        ("loaded", False),
        ("accepted", False),
        ("refused", True),
        ("withdrawn", True),
    ]:
        house = ruled(due=YEARLY | {"first": 2025})
        delivery_id = came(house, "2025", "2026-06-01 10:00", state)
        entry = on(house, "2026-07-10")["2025"]
        assert (entry.state, entry.is_late, entry.delivery_id) == (state, is_late, delivery_id)
        assert entry.days_late == (10 if is_late else 0)
        assert on(house, "2026-06-30")["2025"].is_late is False


def test_the_accepted_delivery_stands_for_the_period_and_a_correction_is_not_late(ruled):
    house = ruled(due=YEARLY | {"first": 2025})
    came(house, "2025", "2026-05-01 10:00", "refused")
    came(house, "2025", "2026-06-01 10:00", "superseded")
    accepted = came(house, "2025", "2026-10-01 10:00", "accepted")
    came(house, "2025", "2026-11-01 10:00", "held")
    entry = on(house, "2026-12-01")["2025"]
    assert (entry.state, entry.delivery_id, entry.days_late) == ("accepted", accepted, 0)
    assert entry.first_delivered_at.date() == date(2026, 5, 1)


def test_each_municipality_is_expected_on_its_own(ruled):
    house = ruled(due=YEARLY)
    came(house, "05913000_2024", "2025-03-01 10:00")
    came(house, "05112000_2024-12-31", "2025-03-01 10:00")
    came(house, "05913000_2025", "2026-03-01 10:00")
    came(house, "99999999_2025", "2026-03-01 10:00", "refused")  # a misspelt name makes nobody a supplier
    late = [name for name, entry in on(house, "2028-01-01").items() if entry.is_late]
    assert late == ["05112000 2025", "05112000 2026", "05913000 2026"]


def test_a_file_counts_for_the_periods_that_it_covers(ruled):
    for every, period, covered in [
        ("year", "2005-2020", ["2020"]),
        ("year", "1990_2005-2020", ["2020"]),
        ("year", "05913000_2019-12-31", ["2019"]),
        ("year", "2024-03", ["2024"]),
        ("quarter", "2024-05-31", ["2024-Q2"]),
        ("quarter", "2024", ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"]),
        ("month", "2024-02", ["2024-02"]),
        ("year", "0000", ["0000"]),
        ("year", "2024-13", ["2024"]),
        ("month", "2024-02-31", ["2024-02"]),
        ("year", "autumn", ["autumn"]),
    ]:
        house = ruled(due={"every": every, "lag": "P0D", "reason": "r"})
        came(house, period, "2030-01-01 10:00")
        assert [entry.period for entry in on(house, "2030-01-01").values() if entry.delivery_id] == covered, period


def test_a_bundled_period_is_read_as_the_loader_reads_it(warehouse):
    """The calendar's reading of a period, in SQL, beside that of the contracts, in Python."""
    for source in contracts.sources():
        contract = contracts.load(source)
        period = contract.file_name.fullmatch(contract.example)["period"]
        with database.connect(warehouse) as connection:
            connection.execute("delete from raw.delivery")
            schedule.sync(connection, [replace(contract, source="moves")])
        came(warehouse, period, "2026-11-21 10:00")
        (entry,) = [entry for entry in calendar.entries(warehouse) if entry.delivery_id]
        wanted = {"irregular": period, "year": contracts.period_day(period)[:4], "quarter": "2019-Q4"}
        assert entry.period == wanted[contract.due.every], source


def test_a_withdrawal_does_not_end_the_watch(ruled):
    house = ruled(due=YEARLY)
    came(house, "2024", "2025-03-01 10:00", "withdrawn")
    assert states(house, "2026-07-01") == {"2024": "withdrawn", "2025": "late", "2026": "due"}


def test_an_irregular_source_is_never_late(ruled):
    house = ruled(due={"every": "irregular", "reason": "It came once."})
    came(house, "2014-2020", "2020-01-01 10:00")
    for period in ("12411-01-01-4_2024", "12521-0041_2024", "23111-0001_1991-2024"):
        came(house, period, "2026-01-01 10:00")  # tables of a year stand side by side
    assert states(house, "2099-01-01") == dict.fromkeys(
        ("2014-2020", "12411-01-01-4_2024", "12521-0041_2024", "23111-0001_1991-2024"), "accepted"
    )


def test_a_retired_source_is_an_entry_and_what_ends_later_is_not_due(ruled):
    retired = {"date": date(2025, 12, 31), "reason": "The register moved to another house."}
    house = ruled(due=YEARLY | {"first": 2024}, retired=retired)
    found = on(house, "2099-01-01")
    assert list(found) == ["", "2024", "2025"]
    entry = found[""]
    assert (entry.state, entry.retired_on, entry.reason) == ("retired", retired["date"], retired["reason"])
    assert "retired since 2025-12-31" in str(entry)
    ruled(due=YEARLY | {"first": 2024}, retired=retired | {"date": date(2025, 12, 30)})
    assert list(on(house, "2099-01-01")) == ["", "2024"]


def test_a_delivery_without_a_contract_is_still_listed(ruled):
    house = ruled(due=YEARLY)
    came(house, "2024", "2025-03-01 10:00")
    with database.connect(house) as connection:
        schedule.sync(connection, [])
    assert states(house, "2026-07-01") == {"2024": "accepted"}


# --- the bundled deliveries, the view, the command ----------------------------------------------------


def test_a_newcomer_is_not_drowned(warehouse):
    deliver_all(warehouse)
    found = calendar.entries(warehouse)
    assert {entry.source for entry in found} == set(contracts.sources())
    assert [entry for entry in found if entry.is_late] == []
    in_view = "select source, region_code, period, due_on, state, is_late from marts.delivery_calendar"
    seen = query(warehouse, in_view, role=database.BI_READER)
    assert set(seen) == {(e.source, e.region_code, e.period, e.due_on, e.state, e.is_late) for e in found}
    # Two years on, with nothing sent meanwhile, every source with a rule is noticed.
    later = date.today().replace(month=12, day=31, year=date.today().year + 2)
    late = {entry.source for entry in calendar.entries(warehouse, later) if entry.is_late}
    assert late == {s for s in contracts.sources() if contracts.load(s).due.every != "irregular"}


def test_readers_may_ask_for_the_view_only(warehouse):
    for role in (database.BI_READER, database.STATISTICS_OFFICE):
        assert query(warehouse, "select count(*) > 0 from marts.delivery_calendar", role=role) == [(True,)]
        with pytest.raises(Exception, match="permission denied for schema quality"):
            query(warehouse, "select * from quality.delivery_calendar()", role=role)
    with pytest.raises(Exception, match="permission denied for function"):
        query(warehouse, "select * from quality.delivery_calendar()", role=database.BUILDER)


@pytest.fixture
def command(monkeypatch):
    """Run `lagebild delivery calendar` on a warehouse."""

    def run(settings: Settings, *arguments: str):
        monkeypatch.setattr("lagebild.core.settings.load", lambda: settings)
        return CliRunner().invoke(cli, ["calendar", *arguments], catch_exceptions=False)

    return run


def test_the_command_says_by_its_exit_code_whether_something_is_late(ruled, command):
    house = ruled(due=YEARLY)
    assert (command(house).exit_code, command(house).output) == (0, "moves: not_begun\n")
    quiet = command(house, "--late")
    assert (quiet.exit_code, quiet.output) == (0, "nothing is late\n")
    ruled(due=YEARLY | {"first": 2020})
    came(house, "2020", "2021-07-01 10:00")
    shown = command(house)
    assert shown.exit_code == 0
    assert "moves 2020: accepted, due on 2021-06-30, 1 day late, delivery 1, first came on 2021-07-01\n" in shown.output
    late = command(house, "--late")
    assert late.exit_code == 1
    assert "moves 2021: late, due on 2022-06-30" in late.output and "moves 2020" not in late.output
    as_json = command(house, "--late", "--format", "json")
    assert as_json.exit_code == 1 and '"due_on": "2022-06-30"' in as_json.output
    assert command(house, "--format", "yaml").exit_code == 2


# --- told once ----------------------------------------------------------------------------------------


class Channel:
    """A notifier that keeps what it is sent, or fails."""

    def __init__(self, name: str = "test"):
        self.name, self.sent, self.is_broken = name, [], False

    def send(self, message) -> None:
        if self.is_broken:
            raise NotSent("it is broken")
        self.sent.append(message)

    @property
    def periods(self) -> list[list[str]]:
        return [[fact["period"] for fact in message.facts] for message in self.sent]


def test_a_late_period_is_told_once(ruled):
    house, channel = ruled(due=YEARLY | {"first": 2024}), Channel()
    for day in ("2025-06-30", "2025-07-01", "2025-07-02", "2026-07-01", "2026-07-02"):
        calendar.tell_late(house, [channel], date.fromisoformat(day))
    assert channel.periods == [["2024"], ["2025"]]
    first = channel.sent[0]
    assert first.subject == "Lagebild: 1 delivery is late"
    assert "moves 2024: late, due on 2025-06-30, 1 day late. Owner: tests. The tests expect it." in first.text
    assert first.facts[0]["due_on"] == "2025-06-30"


def test_what_came_and_is_late_again_is_told_again(ruled):
    house, channel, day = ruled(due=YEARLY | {"first": 2024}), Channel(), date(2025, 7, 1)
    calendar.tell_late(house, [channel], day)
    delivery_id = came(house, "2024", "2025-07-02 10:00")
    assert calendar.tell_late(house, [channel], day) == []
    query_all = "select count(*) from quality.late_alert"
    assert query(house, query_all) == [(0,)]
    with database.connect(house) as connection:
        connection.execute("update raw.delivery set state = 'withdrawn' where delivery_id = %s", [delivery_id])
    calendar.tell_late(house, [channel], day)
    assert channel.periods == [["2024"], ["2024"]]


def test_a_channel_that_failed_is_told_later_and_the_others_are_not_told_twice(ruled):
    house, day = ruled(due=YEARLY | {"first": 2024}), date(2025, 7, 1)
    broken, sound = Channel("broken"), Channel("sound")
    broken.is_broken = True
    for _ in range(2):
        with pytest.raises(NotSent, match="broken: it is broken"):
            calendar.tell_late(house, [broken, sound], day)
    broken.is_broken = False
    calendar.tell_late(house, [broken, sound], day)
    assert broken.periods == sound.periods == [["2024"]]


def test_two_that_tell_at_once_tell_once(ruled):
    house, channel, day = ruled(due=YEARLY | {"first": 2024}), Channel(), date(2025, 7, 1)
    slowly = channel.send
    channel.send = lambda message: (time.sleep(0.2), slowly(message))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: calendar.tell_late(house, [channel], day), range(3)))
    assert channel.periods == [["2024"]]


def test_a_mail_that_reached_some_is_an_error_once_and_not_sent_again(ruled):
    house, day, tries = ruled(due=YEARLY | {"first": 2024}), date(2025, 7, 1), []

    class Mail:
        name = "smtp"

        def send(self, message) -> None:
            tries.append(message)
            raise PartlySent("1 of the recipients is refused")

    with pytest.raises(NotSent, match="smtp: 1 of the recipients"):
        calendar.tell_late(house, [Mail()], day)
    calendar.tell_late(house, [Mail()], day)
    assert len(tries) == 1


def test_municipalities_are_told_apart(ruled):
    house, channel = ruled(due=YEARLY), Channel()
    came(house, "05913000_2023", "2024-03-01 10:00")
    came(house, "05112000_2023", "2024-03-01 10:00")
    came(house, "05112000_2024", "2025-03-01 10:00")
    calendar.tell_late(house, [channel], date(2025, 7, 1))
    calendar.tell_late(house, [channel], date(2026, 7, 1))
    assert [[(fact["region_code"], fact["period"]) for fact in message.facts] for message in channel.sent] == [
        [("05913000", "2024")],
        [("05112000", "2025"), ("05913000", "2025")],
    ]


def test_nobody_is_told_in_the_demo_unless_it_is_set(ruled, capsys):
    house = ruled(due=YEARLY | {"first": 2020})
    assert house.demo and calendar.tell_late(house)
    assert query(house, "select count(*) from quality.late_alert") == [(0,)]
    calendar.tell_late(replace(house, alert_enabled=True), today=date(2021, 7, 1))
    assert "Lagebild: 1 delivery is late\nmoves 2020" in capsys.readouterr().out
    assert query(house, "select channel, period from quality.late_alert") == [("log", "2020")]


def test_a_delivery_of_a_wrong_name_is_for_no_period_that_could_be_due(warehouse, tmp_path):
    before = calendar.entries(warehouse)
    file = tmp_path / "beschaeftigte.csv"
    file.write_bytes(bundled_bytes("employment"))
    delivery = load_file(warehouse, contracts.load("employment"), file)
    assert (delivery.state, delivery.period) == ("refused", "unknown")
    assert "is not the agreed one" in delivery.reason and "?P<" not in delivery.reason
    assert calendar.entries(warehouse) == before
