"""The quality report of a release: each number counted again by other SQL or by hand, in German and English."""

from dataclasses import replace
from datetime import date

import pytest

from extracts import changes, marts, package, quality
from extracts.changes import Comparison
from extracts.model import MartChanges, QualitySection
from extracts.texts import Texts
from lagebild.core import database
from tests import conftest
from tests.extracts.releases import MINISTRY, earlier, republish

DIMENSIONS = ["relevance", "accuracy", "timeliness", "coherence", "accessibility", "confidentiality"]
ATTRIBUTIONS = {
    "azr_nrw": {
        "title": "Ausländerstatistik NRW",
        "licenses": [{"name": "dl-by-de/2.0", "path": "https://www.govdata.de/dl-de/by-2-0"}],
        "sources": [{"title": "IT.NRW", "path": "https://www.landesdatenbank.nrw.de"}],
    },
}
BREAKS = "('across_break', 'law_changed_between', 'method_version_differs')"


@pytest.fixture(scope="module")
def published(cluster, publication, tmp_path_factory):
    """Publication 1 of the bundled deliveries, with verdicts and dates of deliveries; 2 corrects it. Read only."""
    with conftest._fresh_database(cluster, conftest.PUBLISHED) as name:
        settings = conftest._own_folders(conftest.on_database(cluster, name), tmp_path_factory.mktemp("quality"))
        with database.connect(settings) as connection:
            connection.execute(PREPARED)
        republish(settings, {"cost_per_person": ["update {table} set total_cost_eur = 2 * total_cost_eur"
                                                 " where content_id = {content}"]})  # fmt: skip
        yield settings


# Verdicts on two deliveries behind the publication, one checked again, one after it; what was due and came late, or did
# not come; a delivery set aside; few rejected rows of a register.
PREPARED = """
update published.publication set published_at = '2026-11-15 10:00:00+01';
update raw.delivery set received_at = '2025-01-10 08:00:00+01';
update raw.delivery set received_at = '2025-12-01 08:00:00+01' where source = 'azr_nrw';
update raw.delivery set rejected = 2, loaded = records - 2 where source = 'register';
update quality.source_schedule set every = null, lag = null, first_on = null;
update quality.source_schedule set every = 'year', lag = '30 days', first_on = '2024-01-01' where source = 'azr_nrw';
update quality.source_schedule set every = 'year', lag = '3 months', first_on = '2025-01-01'
where source = 'employment';
insert into raw.build_set_aside (build_id, source, period, delivery_id, failed_build, reason)
select b.build_id, d.source, d.period, d.delivery_id, b.build_id, 'a test failed'
from raw.delivery as d
cross join raw.build as b
where d.file_name = 'eu2_series_2007-2019.csv';
update quality.verdict set checked_at = '2026-11-15 09:00:00+01' where build_id is not null;
insert into quality.verdict (delivery_id, expectation, why, severity, passed, checked_at)
select d.delivery_id, v.expectation, 'because', v.severity, v.passed, v.checked_at::timestamptz
from raw.delivery as d
cross join (values
    ('azr_nrw', 'rows', 'hold', false, '2026-11-01'), ('azr_nrw', 'rows', 'hold', true, '2026-11-02'),
    ('azr_nrw', 'share', 'warn', false, '2026-11-02'), ('azr_nrw', 'noted', 'note', false, '2026-11-02'),
    ('azr_nrw', 'later', 'warn', false, '2026-11-20'), ('employment', 'rows', 'hold', true, '2026-11-02')
) as v (source, expectation, severity, passed, checked_at)
where d.source = v.source;
"""


LATER = """
insert into quality.verdict (delivery_id, expectation, why, severity, passed, checked_at)
select delivery_id, 'afterwards', 'because', 'warn', false, '2026-11-20' from raw.delivery;
insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path, contract_version,
    code_version, state, records, loaded, rejected, received_at)
values ('employment', '2025', repeat('c', 64), 1, 'late.csv', 1, 'x', '1', '1', 'accepted', 1, 1, 0, '2026-11-20');
"""
COLUMNS = (
    "eu2_persons", "bulgaria_persons", "romania_persons", "eu2_precision_persons", "change_persons", "change_pct",
    "printed_change_persons", "printed_change_pct",
)  # fmt: skip


def report(settings, number: int = 1, language="de", recipient=MINISTRY, former: int | None = None, only=None):
    with marts.reader(settings) as connection:
        entries = [entry for entry in package.load().marts if only is None or entry.name in only]
        held = tuple(marts.mart(connection, entry, number) for entry in entries)
        publication = marts.publication(connection, number)
        since = earlier(former) if former else None
        compared = changes.of(connection, held, recipient, since, publication, Texts(language))
        sections = quality.of(connection, publication, held, recipient, compared, ATTRIBUTIONS, Texts(language))
        return {section.dimension: section for section in sections}


def fact(section: QualitySection, label: str) -> str:
    (found,) = [one.text for one in section.facts if one.label == label]
    return found


def rows(settings, query: str) -> list[tuple]:
    with database.connect(settings, database.BI_READER) as connection:
        return connection.execute(query).fetchall()


def one(settings, query: str) -> int:
    return rows(settings, query)[0][0]


def cells(section: QualitySection, *columns: int) -> dict[str, tuple[str, ...]]:
    return {row[0]: tuple(row[column] for column in columns) for row in section.table[1:]}


def german(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def test_six_dimensions_and_the_same_again_on_another_day(published):
    found = report(published)
    assert list(found) == DIMENSIONS
    assert report(published) == found
    with database.connect(published) as connection:  # what happens later changes nothing of it
        connection.execute(LATER)
    assert report(published) == found


def test_relevance_counts_rows_figures_and_gaps(published):
    section = report(published)["relevance"]
    figures = "+".join(f"count({name})" for name in COLUMNS)
    given = one(published, f"select {figures} from marts_history.eu2_population where publication_id = 1")
    total = one(published, "select count(*) from marts_history.eu2_population where publication_id = 1")
    assert cells(section, 1, 2, 3)["EU2-Bevölkerung"] == (german(total), german(given), german(8 * total - given))
    assert fact(section, "Nutzung") == "Ministerium; Zweck: Haushalt"
    gaps = rows(published, "select count(distinct indicator_code), count(*) from marts.indicator_gap")[0]
    assert gaps[0] > 0
    assert fact(section, "Fehlende Indikatoren").startswith(
        f"Indikatoren, denen etwas fehlt: {gaps[0]} (Lücken: {gaps[1]},"
    )
    assert fact(section, "Zurückgestellte Lieferungen") == "eu2_series_2007-2019.csv"
    assert fact(report(published, 2)["relevance"], "Zurückgestellte Lieferungen") == "keine"
    empty = fact(section, "Tabellen ohne Zeilen").split(", ")
    assert "Kostenbrücke" in empty and "EU2-Bevölkerung" not in empty
    whole = sum(int(row[1].replace(".", "")) for row in section.table[1:])
    assert fact(section, "Inhalt") == f"Tabellen: {len(section.table) - 1}, Zeilen: {german(whole)}"


def test_accuracy_counts_verdicts_rejected_rows_and_made_up_ones(published):
    section = report(published)["accuracy"]
    names = ", ".join(f"'{entry.name}'" for entry in package.load().marts)
    counted = rows(published, "select passed, severity, count(*) from marts.quality_verdict where publication_id = 1"
                   f" and regexp_replace(expectation, '[.].*', '') in ({names}) group by 1, 2")  # fmt: skip
    passed = sum(number for has_passed, _, number in counted if has_passed)
    warned = sum(number for has_passed, severity, number in counted if not has_passed and severity != "note")
    noted = sum(number for has_passed, severity, number in counted if not has_passed and severity == "note")
    assert passed > 100 and warned and noted
    assert fact(section, "Prüfungen der Tabellen") == f"{passed} bestanden, {warned} mit Hinweis, {noted} nur vermerkt"
    # rows of azr_nrw was checked again and passed, `later` after the publication, a note is none; employment passed
    assert fact(section, "Prüfungen der Lieferungen") == "2 bestanden, 1 nicht bestanden"
    synthetic = " union all ".join(
        f"select count(*) from marts_history.{entry.name} where publication_id = 1 and evidence = 'synthetic'"
        for entry in package.load().marts
        if entry.name not in ("provenance", "cost_comparability", "indicator_gap")
    )
    made_up = sum(number for (number,) in rows(published, synthetic))
    assert made_up and fact(section, "Erfundene Zeilen").startswith(f"{german(made_up)} (")
    told = cells(section, 1, 2, 3)
    ((records, rejected),) = rows(published, "select distinct records, rejected from marts.publication_source"
                                  " where publication_id = 1 and source = 'azr_nrw'")  # fmt: skip
    assert told["Ausländerstatistik NRW"] == ("1", german(records), str(rejected))
    assert told["esf_bayern"][1:] == ("vertraulich", "vertraulich")  # a list of grants
    ((about, none),) = rows(published, "select distinct records, rejected from marts.publication_source"
                            " where publication_id = 1 and source = 'register'")  # fmt: skip
    assert none is None and told["register"] == ("1", f"rund {german(about)}", "weniger als 3 je Lieferung")


def test_accuracy_names_the_revisions_since_the_last_release(published):
    assert fact(report(published)["accuracy"], "Revisionen").startswith("keine Änderung")
    section = report(published, 2, former=1)["accuracy"]
    assert fact(section, "Revisionen").endswith("geändert 1, neu 0, entfallen 0")
    assert fact(section, "Größte Revision") == "100,0\xa0% des früheren Betrags (Tabelle Kosten je Person und Jahr)"


def test_timeliness_counts_days_and_what_was_late(published):
    section = report(published)["timeliness"]
    assert fact(section, "Veröffentlicht am") == "15.11.2026"
    assert cells(section, 1, 2)["EU2-Bevölkerung"] == (
        "31.12.2024",
        str((date(2026, 11, 15) - date(2024, 12, 31)).days),
    )
    days = [int(row[2].replace(".", "")) for row in section.table[1:]]
    assert f"{german(min(days))} bis {german(max(days))} Tage" in section.summary
    # azr_nrw 2024 was due on 2025-01-30 and came on 2025-12-01; 2025 was due on 2026-01-30 and did not come, nor did
    # employment of 2025, which was due on 2026-03-31; what came of other years was asked of nobody
    assert fact(section, "Pünktlichkeit der Lieferungen") == "3 fällig gewesen, davon 0 rechtzeitig eingegangen"
    late = max((date(2025, 12, 1) - date(2025, 1, 30)).days, (date(2026, 11, 15) - date(2026, 1, 30)).days)
    assert fact(section, "Verspätungen") == f"1 verspätet eingegangen, 2 ausgeblieben; längste Verspätung {late} Tage"
    assert fact(section, "Alter der ältesten Lieferung in Tagen") == str((date(2026, 11, 15) - date(2025, 1, 10)).days)


def test_coherence_counts_verdicts_on_values(published):
    section = report(published)["coherence"]
    found = {(row[0], row[2]): row[3] for row in section.table[1:] if row[0] == "Plausibilität gedruckter Angaben"}
    counted = rows(published, "select verdict, count(*) from marts_history.published_claim where publication_id = 1"
                   " and verdict is not null group by 1")  # fmt: skip
    assert sorted(found.values()) == sorted(str(number) for _, number in counted) and len(counted) > 1
    breaks = [
        one(
            published,
            f"select count(*) from marts_history.{mart} where publication_id = 1 and change_reason in {BREAKS}",
        )
        for mart in ("migration_background", "naturalisation")
    ]
    assert sum(breaks) and fact(section, "Wegen eines Bruchs nicht verglichen") == str(sum(breaks))
    compared = one(published, "select count(*) from marts.population_reconciliation where verdict is not null")
    assert fact(section, "Mit dem Ausländerzentralregister verglichene Zählungen") == str(compared)


def test_accessibility_names_files_licences_and_links(published):
    section = report(published)["accessibility"]
    assert "qualitaetsbericht.pdf" in fact(section, "Dateien")
    assert fact(section, "Lizenzen") == "dl-by-de/2.0"
    assert fact(section, "Verweise") == "https://www.govdata.de/dl-de/by-2-0, https://www.landesdatenbank.nrw.de"
    assert section.table[1:] == (("Ausländerstatistik NRW", "IT.NRW"),)


def test_confidentiality_counts_hidden_cells_and_names_no_rule(published):
    section = report(published)["confidentiality"]
    counts = " + ".join(
        f"count(*) filter (where {figure} is null)"
        for figure in ("granted_eur", "operations", "total_cost_eur", "granted_pct")
    )
    confidential = "from marts_history.funding_granted where publication_id = 1 and reason = 'confidential'"
    hidden = one(published, f"select {counts} {confidential}")
    whole = one(published, "select 4 * count(*) from marts_history.funding_granted where publication_id = 1")
    assert hidden and cells(section, 1, 2)["Bewilligte Vorhaben"] == (german(whole), german(hidden))
    said = " ".join(text for one in section.facts for text in (one.label, one.text)).lower()
    assert not [word for word in ("p-prozent", "p %", "dominanz", "schwelle", "mindestens", "unter 3") if word in said]
    assert "Ganzzahlige Optimierung" in fact(section, "Prüfung vor der Veröffentlichung")
    assert "öffentlich" in fact(section, "Profil")
    unit = report(published, recipient=replace(MINISTRY, profile="statistics_unit"))["confidentiality"]
    assert "abgeschottete Statistikstelle" in fact(unit, "Profil")


def test_without_a_verdict_of_the_audit_the_report_does_not_claim_one(published, monkeypatch):
    monkeypatch.setattr(quality, "AUDIT", "unheard_of")
    section = report(published)["confidentiality"]
    assert fact(section, "Prüfung vor der Veröffentlichung").endswith("liegt nicht vor")


def test_english_has_the_same_numbers(published):
    german_report, english = report(published), report(published, language="en")
    assert english["relevance"].summary.endswith("or are confidential.")
    assert fact(english["timeliness"], "Published on") == "15 November 2026"
    assert fact(english["accuracy"], "Checks of the deliveries") == "2 passed, 1 not passed"
    for dimension in DIMENSIONS:
        assert len(english[dimension].facts) == len(german_report[dimension].facts)
        assert len(english[dimension].table) == len(german_report[dimension].table)
        digits = [[c for c in one.text if c.isdigit()] for one in german_report[dimension].facts]
        if dimension != "timeliness":  # its dates are written otherwise
            assert [[c for c in one.text if c.isdigit()] for one in english[dimension].facts] == digits


def test_a_recipient_of_some_places_is_told_of_those(published):
    whole, some = (
        report(published, recipient=replace(MINISTRY, places=places))["relevance"] for places in ((), ("05913",))
    )
    rows_of = [cells(section, 1)["EU2-Bevölkerung"] for section in (whole, some)]
    expected = one(published, "select count(*) from marts_history.eu2_population where publication_id = 1"
                   " and region_code like '05913%'")  # fmt: skip
    assert rows_of[1] == (str(expected),) and rows_of[0] != rows_of[1]


@pytest.mark.parametrize(
    ("name", "right", "wrong", "test"),
    [
        ("_MART_VERDICTS", "where not passed and severity = 'note'", "where not passed", "accuracy"),
        ("_DELIVERY_VERDICTS", "checked_at desc", "checked_at", "accuracy"),
        ("_DELIVERY_VERDICTS", "checked_at <= %(published_at)s and", "", "accuracy"),
        ("_PUNCTUALITY", "received_on is null", "received_on is not null", "timeliness"),
        ("_SET_ASIDE", "publication_id =", "publication_id <>", "relevance"),
        ("_OLDEST", "max(", "min(", "timeliness"),
    ],
)
def test_a_wrong_count_is_found(published, monkeypatch, name, right, wrong, test):
    query = getattr(quality, name)
    assert right in query
    COUNTED[test](published)
    monkeypatch.setattr(quality, name, query.replace(right, wrong))
    with pytest.raises(AssertionError):
        COUNTED[test](published)


COUNTED = {
    "relevance": test_relevance_counts_rows_figures_and_gaps,
    "accuracy": test_accuracy_counts_verdicts_rejected_rows_and_made_up_ones,
    "timeliness": test_timeliness_counts_days_and_what_was_late,
}


def test_the_largest_revision_is_that_of_any_mart(published):
    by_mart = (MartChanges("employment", 1, 0, 0, None), MartChanges("eu2_population", 2, 1, 0, 3))
    with marts.reader(published) as connection:
        publication = marts.publication(connection, 1)
        compared = Comparison((), by_mart, frozenset())
        sections = quality.of(connection, publication, (), MINISTRY, compared, {}, Texts("en"))
    accuracy = sections[1]
    assert fact(accuracy, "Revisions").endswith("revised 3, new 1, gone 0")
    assert fact(accuracy, "Largest revision") == "3.0\xa0% of the former figure (table EU2 population)"
