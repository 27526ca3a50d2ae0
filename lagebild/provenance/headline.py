"""The headline figures, read from schema `marts` as a BI tool would."""

from psycopg.rows import dict_row

from lagebild.core import database
from lagebild.core.settings import Settings

# One query per line; its rows fill the line. A warehouse without such rows shows no line.
_LINES = (
    (
        "select * from marts.cost_per_person where cost_per_person_eur is not null order by municipality_ags,"
        " reference_year, method",
        "{municipality_name} {reference_year}: {cost_per_person_rounded_eur:,} EUR per person and year"
        " ({total_cost_eur:,.0f} EUR / {denominator_persons:,} persons, rounded to 5; {method}; evidence {evidence},"
        " {verdict})",
    ),
    (
        "select * from marts.cost_extrapolation where presentation_de is not null"
        " and row_kind is distinct from 'scenario' order by region_code, reference_year, method",
        "{region_name} {reference_year}, extrapolated: {presentation_de} (technically"
        " {extrapolated_cost_rounded_rate_eur:,.0f} EUR with the rate shown; {denominator_persons:,} persons)",
    ),
    (
        "select region_name, min(reference_date) as first, max(reference_date) as last, string_agg(extract(year from"
        " reference_date) || ' ' || to_char(eu2_persons, 'FM9,999,999'), '; ' order by reference_date) as series"
        " from marts.eu2_population where source = 'eu2_series' and eu2_persons is not null group by region_name",
        "{region_name} {first:%Y}-{last:%Y}, EU2 citizens: {series}",
    ),
    (
        "select * from marts.eu2_population where source = 'azr_nrw' and region_level in ('state', 'municipality')"
        " and eu2_persons is not null order by reference_date desc, eu2_persons desc limit 5",  # a state and its cities
        "{region_name} {reference_date:%d.%m.%Y}: {eu2_persons:,} EU2 citizens (+-{eu2_precision_persons})",
    ),
    (
        "select * from marts.migration_background where region_code = '00' and population_group = 'total'"
        " and share_pct is not null and reference_year = (select max(reference_year) from marts.migration_background)"
        " order by sense desc",
        "{region_name} {reference_year}: {share_pct:.1f} % with a migration background ({sense} sense)",
    ),
    *(
        (
            f"select * from marts.municipal_profile where {share}_pct_verdict = 'differs' order by municipality_name",
            f"{{municipality_name}} {{reference_year}}: printed {{{share}_pct_printed}} %, recomputed"
            f" {{{share}_pct_recomputed}} % ({share}): the source differs from itself",
        )
        for share in ("foreign", "migration_background")
    ),
)
_CAPTIONS = "select distinct caption_en from marts.cost_per_person where cost_per_person_eur is not null"


def lines(settings: Settings) -> list[str]:
    """One line a headline figure, then the caption of the cost figure."""
    with database.connect(settings, database.BI_READER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        reader = connection.cursor(row_factory=dict_row)
        figures = [template.format_map(row) for query, template in _LINES for row in reader.execute(query).fetchall()]
        captions = [row["caption_en"] for row in reader.execute(_CAPTIONS).fetchall()]
    return figures + captions
