"""What a reader has: every view of schema `marts`, read as the role `bi_reader`, and what each says of which place."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from lagebild.core import database
from lagebild.core.settings import Settings

Row = dict[str, Any]

READ = {
    "eu2_population": "region_code",
    "city_district_population": "region_code",
    "cost_per_person": "municipality_ags",
    "cost_component": "municipality_ags",
    "cost_bridge": "municipality_ags",
    "lump_sum_simulation": "municipality_ags",
    "ledger_choice": "municipality_ags",
    "refinancing": "region_code",
    "funding_granted": "funder",
    "cost_extrapolation": "municipality_ags",
}
"""The views that are attacked, and the column by which their rows belong to a place."""
NODES = (
    "select publication_id, mart, row_key, figure, region_code, reference_year, label, value, row_count,"
    " refers_to_row_key, first_line"
    " from marts_history.provenance where publication_id = %s and mart = any(%s)"
    " and (value is not null or row_count is not null) and (label like '%%\\_persons' or label = 'persons'"
    " or label like '%%\\_eur')"
)
NODES_OF = ["eu2_population", "cost_per_person", "lump_sum_simulation", "cost_component", "funding_granted"]
SOURCES = (
    "select distinct publication_id, source, period, delivery_id, sha256, records, loaded, erased_at"
    " from marts.publication_source where source = 'register' or source like 'esf\\_%%' or source = 'foerderkatalog'"
)
SAYS_NOTHING = {
    "cost_comparability": "pairs of places and whether they may be compared: no count and no amount",
    "foreign_population": "figures that an office has published, and of a register what eu2_population shows",
    "employment": "figures that their offices have published, with what they keep secret",
    "early_education": "figures that an office or a report has published, or the city itself",
    "funding_cliff": "last years of programmes",
    "indicator": "quotients and sums of figures that statistics offices have published, and published indicators",
    "indicator_gap": "what is missing: no count and no amount",
    "integration_course": "figures that its office has published",
    "migration_background": "figures that the statistics office has published",
    "mikrozensus_estimate": "no microdata are delivered here; estimates of a sample under the survey's own rule",
    "minimum_income": "figures that their offices have published, with what they keep secret",
    "municipal_profile": "figures that their city has published",
    "naturalisation": "figures that the statistics office has published",
    "official_statistic": "figures that the statistics office has published",
    "population_reconciliation": "what foreign_population shows of a register, and prints, less published counts",
    "territorial_series": "sums and parts of figures that statistics offices have published",
    "programme_funding": "figures of whole programmes, published",
    "programme_funding_year": "figures of whole programmes, published",
    "programme_outcome": "figures of whole programmes, published",
    "programme_reach": "figures of whole programmes, published",
    "programme_site": "sites, firms and consultations of programmes: no persons",
    "protection_status": "figures that the statistics office has published",
    "published_claim": "figures that somebody has published",
    "survey_result": "figures that somebody has published",
    "provenance": "read by its nodes",
    "toleration": "figures that somebody has published",
    "publication": "which publications there are",
    "publication_source": "read by its deliveries",
    "publication_acceptance": "nobody accepts anything by hand here",
    "publication_rollback": "nothing is rolled back here",
    "publication_set_aside": "nothing is set aside here",
    "publication_warning": "no delivery is judged here; see tests/expectations",
    "quality_verdict": "no delivery is judged here; see tests/expectations",
    "delivery_calendar": "what is due when: no count and no amount",
    "publication_calendar": "what was due when: no count and no amount",
    "release": "numbers and dates of public packages, and a digest of what the reader can make too",
    "relation": "what a row of each mart is: the same in every warehouse of a version",
    "column_text": "what each column is: the same in every warehouse of a version",
    "publication_content": "the number and a digest of rows that the reader sees whole",
}
"""The views that are not attacked, and why."""


@dataclass
class Seen:
    """The rows of all publications by view and place, the nodes of their figures, and the deliveries behind them."""

    rows: dict[str, dict[str, list[Row]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    nodes: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    """By place, and of grants by `funding_granted <row key>`."""
    sources: dict[tuple[str, str], list[Row]] = field(default_factory=lambda: defaultdict(list))
    """By source and period."""
    lined: set[tuple[int, str]] = field(default_factory=set)
    """Publications and lists (SHA-256) of which some lines are named."""
    publications: list[int] = field(default_factory=list)

    def of(self, view: str, place: str) -> list[Row]:
        return self.rows[view].get(place, [])


def read(settings: Settings, tell: Callable[[str], None] = lambda _: None) -> Seen:
    """Read all that is shown of all publications; AssertionError where there is a view that nobody has looked at."""
    seen = Seen()
    with database.connect(settings, database.BI_READER) as connection:
        views = connection.execute(
            "select c.relname from pg_class as c"
            " where c.relnamespace in ('marts'::regnamespace, 'marts_history'::regnamespace)"
            " and c.relkind in ('v', 'r') and has_table_privilege(c.oid, 'select')"
        ).fetchall()
        unknown = {name.removesuffix("_vintage") for (name,) in views} - READ.keys() - SAYS_NOTHING.keys()
        assert not unknown, f"nobody has said what a reader learns from {sorted(unknown)}"
        connection.row_factory = dict_row
        found = connection.execute("select publication_id from marts.publication order by 1").fetchall()
        seen.publications = [row["publication_id"] for row in found]
        for view, place in READ.items():
            tell(f"reading {view}")
            statement = sql.SQL("select * from {} where publication_id = %s").format(
                sql.Identifier("marts_history", view)
            )
            for publication in seen.publications:
                for row in connection.execute(statement, [publication]):
                    seen.rows[view][_place(view, row, place)].append(row)
        for publication in seen.publications:
            tell("reading provenance")
            for row in connection.execute(NODES, [publication, NODES_OF]):
                grants = row["mart"] == "funding_granted"
                if grants and row["first_line"] is not None:
                    seen.lined.add((publication, row["row_key"].split("|")[0]))
                seen.nodes[f"funding_granted {row['row_key']}" if grants else row["region_code"]].append(row)
        for row in connection.execute(SOURCES):
            seen.sources[row["source"], row["period"]].append(row)
    return seen


def _place(view: str, row: Row, column: str) -> str:
    if view == "funding_granted" and row["source"] != "foerderkatalog":
        return f"{row['source']} {row['period']}"
    return str(row[column])
