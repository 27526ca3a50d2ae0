"""azr_nrw: foreigners by nationality and district of North Rhine-Westphalia (AZR, Landesdatenbank NRW)."""

from expectations.history import Statistic, as_usual, in_its_time
from expectations.suite import HOLD, WARN, Delivery, Expectation, arrived_whole, expect, no_row

TABLE = "raw.azr_nrw__nationality"
PERSONAL = False
OWNER = "data engineering"

STATISTICS = {
    "eu2_persons": Statistic(
        "sum(persons) filter (where region_code = '05' and nationality_code in ('125', '154'))",
        "The state's count moves by some per cent a year: another level is another table or a slipped digit.",
        HOLD,
    ),
    "eu2_share_of_europe": Statistic(
        "sum(persons) filter (where region_code = '05' and nationality_code in ('125', '154'))::numeric"
        " / nullif(sum(persons) filter (where region_code = '05' and nationality_code = '1'), 0)",
        "The mix of nationalities changes slowly: a jump means that codes were assigned anew or rows exchanged.",
    ),
}

ROUNDED_SINCE = 2016
NAMES = {"1": "Europa", "125": "Bulgarien", "154": "Rumänien"}
STATE = ("05",)
GOVERNMENT_REGIONS = ("051", "053", "055", "057", "059")
# The 53 districts since the Städteregion Aachen (05334) took in the Kreis Aachen (05354) on 21 October 2009. The
# city of Aachen (05313) is part of the Städteregion: the table prints it besides, and it is not counted here.
DISTRICTS = (
    *("05111", "05112", "05113", "05114", "05116", "05117", "05119", "05120", "05122", "05124"),
    *("05154", "05158", "05162", "05166", "05170"),
    *("05314", "05315", "05316", "05334", "05358", "05362", "05366", "05370", "05374", "05378", "05382"),
    *("05512", "05513", "05515", "05554", "05558", "05562", "05566", "05570"),
    *("05711", "05754", "05758", "05762", "05766", "05770", "05774"),
    *("05911", "05913", "05914", "05915", "05916", "05954", "05958", "05962", "05966", "05970", "05974", "05978"),
)


def expectations(delivery: Delivery) -> list[Expectation]:
    """What must hold before a delivery of `azr_nrw` is accepted."""
    return [
        *arrived_whole(delivery, OWNER),
        *as_usual(delivery, STATISTICS, OWNER),
        *in_its_time(delivery, OWNER),
        expect(
            "reference_date_is_year_end",
            "ExpectColumnValuesToBeInSet",
            column="reference_date",
            value_set=[f"{delivery.year}-12-31"],
            why="The AZR table is a stock on 31 December of the year in the file's name; another day is another file.",
            expected=f"{delivery.year}-12-31",
            severity=HOLD,
            owner=OWNER,
        ),
        _complete("state_present", STATE, "the state total (05)", "the published state figure is never re-summed"),
        _complete(
            "government_regions_complete",
            GOVERNMENT_REGIONS,
            "all 5 Regierungsbezirke",
            "the table prints every level, so a missing one means that the download was cut",
        ),
        _complete(
            "districts_complete",
            DISTRICTS,
            f"all {len(DISTRICTS)} districts",
            "the state has had these 53 districts since 2009, and a missing one would read as nobody living there",
        ),
        no_row(
            "eu2_in_every_region",
            """
            select min(line_number) as line_number, region_code || ' lacks '
                || concat_ws(
                    ' and ',
                    case when not bool_or(nationality_code = '125') then 'Bulgaria (125)' end,
                    case when not bool_or(nationality_code = '154') then 'Romania (154)' end
                ) as observed
            from batch
            group by region_code
            having not (bool_or(nationality_code = '125') and bool_or(nationality_code = '154'))
            order by 1
            """,
            why="EU2 is the sum of Bulgaria and Romania: with one of them missing the sum would be silently halved.",
            expected="a row for Bulgaria (125) and Romania (154) in every region",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "europe_holds_its_parts",
            """
            with region as (
                select
                    region_code,
                    max(line_number) filter (where nationality_code = '1') as line_number,
                    max(persons) filter (where nationality_code = '1') as europe,
                    max(persons) filter (where nationality_code = '125') as bulgaria,
                    max(persons) filter (where nationality_code = '154') as romania
                from batch
                group by region_code
            )
            select line_number, region_code || ': Europe ' || europe || ', Bulgaria ' || coalesce(bulgaria, 0)
                || ', Romania ' || coalesce(romania, 0) as observed
            from region
            -- each of the three is rounded to 5 on its own: at most 2 off each, so 6 in all, and a multiple of 5
            where europe < coalesce(bulgaria, 0) + coalesce(romania, 0) - 5
            order by 1
            """,
            why="Continents stand among countries in one column; a total below its parts means that rows slipped.",
            expected="Europe at least Bulgaria and Romania together, within rounding (5 persons)",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "nationality_named_as_coded",
            f"""
            select line_number, nationality_code || ' is ' || nationality_name as observed
            from batch
            inner join (values {", ".join(f"('{code}', '{name}')" for code, name in NAMES.items())})
                as stated (code, stated_name) on nationality_code = code
            where nationality_name not like stated_name || '%'
            order by 1
            """,
            why="Figures are read by the code: a code beside another country's name has slipped by a row.",
            expected=", ".join(f"{code} {name}" for code, name in NAMES.items()),
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "sexes_add_up",
            """
            select line_number, region_code || ' ' || nationality_code || ': ' || persons || ' persons, '
                || male_persons || ' male, ' || female_persons || ' female' as observed
            from batch
            -- three counts, each rounded to 5 on its own: at most 2 off each, so 6 in all, and a multiple of 5
            where abs(persons - male_persons - female_persons) > 5
            order by 1
            """,
            why="Men and women are all persons: a difference that rounding cannot make is a cell of another row.",
            expected="male + female = persons, within rounding (5 persons)",
            severity=HOLD,
            owner=OWNER,
        ),
        no_row(
            "regions_add_up",
            """
            with part as (
                select
                    nationality_code,
                    case length(region_code) when 3 then '05' else left(region_code, 3) end as within,
                    sum(coalesce(persons, 0)) as persons,
                    count(*) as parts
                from batch
                -- the city of Aachen is printed besides its Städteregion
                where length(region_code) in (3, 5) and region_code <> '05313'
                group by 1, 2
            )
            select whole.line_number, whole.region_code || ' ' || whole.nationality_code || ': ' || whole.persons
                || ', its parts ' || part.persons as observed
            from batch as whole
            inner join part on part.within = whole.region_code and part.nationality_code = whole.nationality_code
            -- each part and the total are rounded on their own, at most 2 off each; a part that prints - counts as 0
            where abs(whole.persons - part.persons) > 2 * (part.parts + 1)
            order by 1
            """,
            why="Districts make up their region, regions the state: beyond rounding, a place is missing or twice.",
            expected="parts that sum to their total, within 2 persons for each rounded count",
            severity=WARN,
            owner=OWNER,
        ),
        *_rounding(delivery),
    ]


def _complete(name: str, codes: tuple[str, ...], what: str, reason: str) -> Expectation:
    values = ", ".join(f"('{code}')" for code in codes)
    return no_row(
        name,
        f"""
        select 'no row for ' || stated.region_code as observed
        from (values {values}) as stated (region_code)
        where not exists (select 1 from batch where batch.region_code = stated.region_code)
        order by 1
        """,
        why=f"A delivery is complete when it holds {what}: {reason}.",
        expected=what,
        severity=HOLD,
        owner=OWNER,
    )


def _rounding(delivery: Delivery) -> list[Expectation]:
    if delivery.year < ROUNDED_SINCE:
        return []
    return [
        no_row(
            "counts_rounded_to_five",
            """
            select line_number, 'persons ' || coalesce(persons::text, '-') || ', male '
                || coalesce(male_persons::text, '-') || ', female ' || coalesce(female_persons::text, '-') as observed
            from batch
            where persons % 5 <> 0 or male_persons % 5 <> 0 or female_persons % 5 <> 0
            order by 1
            """,
            why="AZR counts are rounded to 5 since 2016: another count is unprotected, or lost a digit on the way.",
            expected="multiples of 5",
            severity=HOLD,
            owner=OWNER,
        )
    ]
