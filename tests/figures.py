"""The figures that the bundled deliveries must yield, checked in schema `marts` and in the extract.

`python -m tests.figures` checks the warehouse of this checkout and exits 1 at the first difference.
The values come from the sources that `ingest/bundled/README.md` names.
"""

import csv
import sys
from decimal import Decimal
from pathlib import Path

import python_calamine

from lagebild.core import database
from lagebild.core import settings as settings_module
from lagebild.core.settings import Settings

# mart, condition, column, value
EXPECTED = (
    ("cost_per_person", "municipality_ags = '05913000' and reference_year = 2019", {
        "total_cost_eur": Decimal("15639763.00"),
        # a register's counts are rounded to 5: 9,823 persons
        "population_persons": 9825,
        "employees_persons": 2525,
        "denominator_persons": 7300,
        # as the municipality published it
        "cost_per_person_eur": Decimal(2143),
        "cost_per_person_rounded_eur": Decimal(2143),
        "published_cost_per_person_eur": Decimal(2143),
        "verdict": "retraced",
        "evidence": "derived_from_result",
        # 15,639,763 / 7,303 and / 7,297 (the class of the denominator, one employee more or less), out to steps of 10
        "cost_per_person_low_eur": Decimal("2140.00"),
        "cost_per_person_high_eur": Decimal("2150.00"),
        "rate_step_eur": Decimal("10.00"),
        "unmapped_cost_eur": Decimal(0),
        "unattributed_cost_eur": Decimal("1559354.43"),
        "excluded_cost_eur": Decimal("22896800.00"),
        "cost_basis": "not_stated",
    }),
    *(
        ("cost_component", f"municipality_ags = '05913000' and attribution_rule = '{rule}'"
         " and target_group = 'all' and treatment = 'attributed'", {"amount_eur": amount})
        for rule, amount in (
            ("population_share", Decimal("3960.00")),
            ("caseload_share", Decimal("58273.81")),
            ("pupil_share", Decimal("13411.76")),
        )
    ),
    *(
        ("lump_sum_simulation", f"municipality_ags = '05913000' and lump_sum = 'scenario_{rate}_eur'", {
            "population_persons": 9825, "lump_sum_eur": Decimal(rate * 9825), "covered_pct": covered,
            "is_assumption": True,
        })
        for rate, covered in ((500, Decimal("31.4")), (1000, Decimal("62.8")))
    ),
    ("cost_extrapolation", "region_code = '00' and reference_year = 2019", {
        "denominator_persons": 535819,
        "extrapolated_cost_rounded_rate_eur": Decimal(1148260117),
        "extrapolated_cost_unrounded_rate_eur": Decimal(1148260117),
        "presentation_de": "rund 1,15 Mrd. EUR",
        "extrapolated_cost_low_eur": Decimal(1146652660),
        "extrapolated_cost_high_eur": Decimal(1152010850),
        "row_kind": "extrapolation",
    }),
    *(
        ("eu2_population", f"source = 'eu2_series' and reference_date = '{year}-12-31'", {
            "eu2_persons": persons, "change_persons": change, "change_basis": basis
        })
        for year, persons, change, basis in (
            (2007, 131402, 18996, "as_published"),
            (2010, 201405, 34571, "as_published"),
            (2012, 323785, 70674, "as_published"),
            (2013, 414226, 90441, "recomputed"),
            (2014, 538606, 124380, "recomputed"),
            (2015, 679644, 141038, "recomputed"),
            (2016, 796980, 117336, "recomputed"),
            (2017, 933195, 136215, "recomputed"),
            (2018, 1033289, 100094, "recomputed"),
            (2019, 1108393, 75104, "recomputed"),
        )
    ),
    *(
        ("eu2_population", f"source = 'eu2_series' and reference_date = '{year}-12-31'", {
            "is_across_sources": is_across
        })
        # counted by Statistisches Bundesamt to 2013, then IAB, BAMF from 2016, IAB in 2019
        for year, is_across in ((2012, None), (2013, False), (2014, True), (2015, False), (2016, True), (2019, True))
    ),
    ("eu2_population", "source = 'register'", {
        "eu2_persons": 9825, "eu2_precision_persons": 2, "eu2_evidence": "derived_from_result", "reason": None,
    }),
    *(
        ("eu2_population", f"source = 'azr_nrw' and region_code = '{region}'", {
            "eu2_persons": persons, "eu2_precision_persons": 4
        })
        for region, persons in (
            ("05913000", 13420), ("05112000", 26575), ("05513000", 11580), ("05315000", 14905), ("05", 276235)
        )
    ),
    *(
        ("foreign_population", f"source = 'azr_nrw' and region_code = '{region}'"
         " and nationality = 'EU2' and sex = 'all'", {
            "persons": persons, "persons_low": persons - 4, "persons_high": persons + 4, "per_100_inhabitants": share,
        })
        for region, persons, share in (
            ("05112000", 26575, Decimal("5.29")), ("05913000", 13420, Decimal("2.22")), ("05", 276235, Decimal("1.53")),
        )
    ),
    ("population_reconciliation", "region_code = '05913000' and reference_date = '2021-12-31'", {
        "difference_persons": 814, "difference_persons_low": 810, "difference_persons_high": 818,
        "difference_pct": Decimal("8.05"), "verdict": "above_azr",
    }),
    ("toleration", "years_class = '8+' and sex = 'all'", {
        "share_pct": Decimal("12.07"), "share_wide_low_pct": Decimal("11.11"),
        "share_wide_high_pct": Decimal("13.04"), "evidence": "published",
    }),
    ("migration_background", "reference_year = 2020 and sense = 'wider' and region_code = '00'"
     " and population_group = 'total'", {"share_pct": Decimal("26.7")}),
    ("migration_background", "reference_year = 2020 and sense = 'narrow' and region_code = '00'"
     " and population_group = 'total'", {"share_pct": Decimal("24.4")}),
    ("official_statistic", "table_code = '12411-01-01-4' and region_code = '05913000' and is_total", {
        "value": Decimal(603462), "region_name": "Dortmund", "evidence": "published",
    }),
    ("official_statistic", "table_code = '12411-01-01-4' and region_code = '05354' and is_total", {
        "value": None, "value_sign": "-",
    }),
    *(
        ("employment", f"table_code = '13111-01-03-4' and region_code = '{region}' and nationality = 'ALL'"
         " and sex = 'all' and place_basis = 'workplace'", {
            "persons": foreign, "total_persons": whole, "share_of_employees_pct": Decimal(share),
            "per_100_inhabitants": None, "rate_reason": "employees_by_workplace"
        })
        for region, foreign, whole, share in (
            ("00", 5837916, 34885481, "16.73"), ("05", 1193812, 7350231, "16.24")
        )
    ),
    ("employment", "table_code = '13111-01-03-4' and region_code = '05913000' and nationality = 'ALL'"
     " and sex = 'all'", {
        "persons": None, "value_sign": "-", "reason": "dash_is_no_zero"
    }),
    *(
        ("minimum_income", f"source = 'ldb_22811_05i' and benefit = 'sgb_ii' and region_code = '{region}'", {
            "persons": persons, "per_100_inhabitants": Decimal(rate), "evidence": "published"
        })
        for region, persons, rate in (
            ("05913000", 88984, "14.75"), ("05112000", 71734, "14.28"), ("05", 1557269, "8.63")
        )
    ),
    ("municipal_profile", "municipality_name = 'Solingen'", {
        "migration_background_pct_printed": Decimal("37.1"),
        "migration_background_pct_recomputed": Decimal("36.9"),
        "migration_background_pct_verdict": "differs",
    }),
    ("municipal_profile", "municipality_name = 'Rostock'", {"foreign_pct_printed": Decimal("7.2")}),
    *(
        ("programme_funding_year", f"programme_id = 'kim' and reference_year = {year}", {
            "amount_eur": amount, "reason": None if amount else "no_amount_stated_for_the_year"
        })
        # 75 m in all by 2022 are no amount of 2022
        for year, amount in ((2020, Decimal("25000000.00")), (2021, None), (2022, None))
    ),
    *(
        ("programme_funding_year", f"programme_id = 'suedosteuropa' and reference_year = {year}", {
            "amount_eur": amount
        })
        for year, amount in ((2017, None), (2023, None), (2024, Decimal("5500000.00")))
    ),
    ("programme_funding", "figure_id = 'gemeinsam_klappts'", {
        "amount_eur": Decimal("13200000.00"), "part_of": "durchstarten", "is_addable": False, "granted_eur": None
    }),
    # state money of 2020, each euro once: the total holds its parts
    *(
        ("programme_funding_year", f"reference_year = 2020 and funding_level = 'Land' and {condition}", {
            "sum(amount_eur)": Decimal("110000000.00")
        })
        for condition in ("is_addable", "part_of is null")
    ),
    ("programme_funding", "figure_id = 'integration_budget_nrw'", {"is_addable": False}),
    ("programme_funding", "figure_id = 'ki_funding'", {"is_addable": True}),
    ("funding_cliff", "measure_id = 'suedosteuropa_3' and module_number = 4", {
        "last_year": 2024, "can_take": "yes", "is_scenario": True, "is_covered": None, "is_covered_in_scenario": True,
        "coverage": "contested", "programme_amount_eur": Decimal("5500000.00"),
        "stated_by": "proposal of Dortmund",
    }),
    ("funding_cliff", "measure_id = 'suedosteuropa_1' and module_number = 3", {
        "module_reading": "Personalstellen in den Ausländer- und Einbürgerungsbehörden", "can_take": "no",
        "stated_by": "position of Dortmund",
    }),
    ("programme_outcome", "programme_id = 'esf_eu_citizens'", {
        "results_interval": "[2950;3050)", "results_wide_interval": "[2500;3500)", "insured_share_interval": "(75;100]",
        "eur_per_result": None, "eur_per_result_reason": "own_cost_not_delivered",
        "lasting_results_reason": "eecr05_and_eecr06_not_delivered",
        "insured_results_low_cases": Decimal(2213), "insured_results_high_cases": Decimal(3049),
    }),
    ("integration_course", "region_code = '00'", {
        "eur_per_course": Decimal("40000.00"), "eur_per_course_low": Decimal("37804.88"),
        "eur_per_course_high": Decimal("41025.64"),
        "eur_per_course_wide_low": Decimal("30000.00"), "eur_per_course_wide_high": Decimal("53333.33"),
        "eur_per_success_reason": "success_not_defined",
    }),
    ("integration_course", "region_code = '05'", {
        "eur_per_course": None, "eur_per_course_reason": "money_not_delivered_for_the_region"
    }),
    ("refinancing", "region_code = '05913000' and funding_level = 'third_party'", {
        "cost_eur": Decimal("15639763.00"), "received_eur": None, "gap_eur": None, "reason": "received_not_delivered"
    }),
    ("published_claim", "figure_id = 'eu_inflow_yearly_text'", {
        "claimed_high": Decimal("5000.00"), "compared_value": Decimal("75104.00"), "verdict": "contradicted",
        "compared_per_claimed": Decimal("15.02"),
    }),
    *(
        ("published_claim", f"figure_id = '{claim}'", {
            "compared_low": Decimal(low), "compared_value": Decimal(value), "compared_high": Decimal(high),
            "verdict": verdict, "evidence": evidence,
        })
        for claim, low, value, high, verdict, evidence in (
            ("eu_inflow_yearly_spoken", 75104, 75104, 75104, "plausible", "derived"),
            ("eu_inflow_yearly_speaker", 500000, 550000, 600000, "contradicted", "published"),
            ("eu_inflow_yearly_official", 748000, 749000, 750000, "contradicted", "derived"),
            # pinned to the printed sum
            ("eu2_cost_magnitude", 15639763, 15639763, 15639763, "retraced", "derived_from_result"),
            ("districts_nrw_text", 53, 53, 53, "contradicted", "derived"),
            ("tab1_eu2_2006_derived", 112406, 112406, 112406, "plausible", "derived"),
            # 1.1 of 21.9 m: its interval holds the printed 5.1 %
            ("mz_east_share_2020", "4.78", "5.02", "5.26", "plausible", "derived"),
            ("mz_size_classes_whole", "99.80", "100.00", "100.20", "plausible", "derived"),
            ("national_cost_arithmetic", "1147992207.50", 1148260117, "1148528026.50", "plausible", "derived"),
            ("rostock_foreign_pct_text", "7.15", "7.20", "7.25", "contradicted", "published"),
        )
    ),
    *(
        ("programme_site", f"programme_id = '{programme}' and count_kind = '{kind}'", {
            "counted": counted, "counted_low": low, "counted_high": high, "region_code": region
        })
        for programme, kind, region, counted, low, high in (
            ("mbe", "sites", "05", Decimal(348), Decimal(348), Decimal(348)),
            ("ki", "centres", "05", Decimal(54), Decimal(54), Decimal(54)),
            ("faire_mobilitaet", "sites", "00", Decimal(7), Decimal(7), Decimal(7)),
            ("course_pilots", "cities", "00", Decimal(4), Decimal(4), Decimal(4)),
            ("steering_group", "members", "05", Decimal(8), Decimal(8), Decimal(8)),
            ("stuttgart_welcome_center", "consultations", "08111000", Decimal(24500), Decimal(24495), Decimal(24505)),
            ("stuttgart_welcome_center", "firms", "08111000", Decimal(2600), Decimal(2595), Decimal(2605)),
            ("dueren_integration_plan", "businesses", "05358", Decimal(1300), Decimal(1300), None),
        )
    ),
    ("programme_reach", "programme_id = 'durchstarten'", {
        "reach_pct": None, "reason": "participants_and_target_group_not_delivered",
        "districts_reached_pct": Decimal(80), "districts_reached_low_pct": None,
    }),
)  # fmt: skip


# What comes from the demo's replaying service alone.
PULLED = tuple(
    ("official_statistic", f"table_code = '12521-0041' and region_code = '05913000'"
     f" and classification_codes = '{codes}'", {
        "value": persons, "rounded_to": 5, "evidence": "published"
    })
    for codes, persons in (("GES=;STAAG5=ST125", Decimal(5700)), ("GES=;STAAG5=ST154", Decimal(7720)))
)  # fmt: skip


def differences(settings: Settings, expected: tuple = (*EXPECTED, *PULLED)) -> list[str]:
    """What schema `marts` says otherwise than it should; empty when every figure is right."""
    found = []
    with database.connect(settings, database.BI_READER) as connection:
        for mart, condition, values in expected:
            columns = ", ".join(values)
            rows = connection.execute(f"select {columns} from marts.{mart} where {condition}").fetchall()
            if rows != [tuple(values.values())]:
                found.append(f"marts.{mart} where {condition}: {columns} = {rows}, not {list(values.values())}")
    with database.connect(settings, database.LOADER) as connection:
        # Loaded side by side: which comes first is chance.
        structure = connection.execute(
            "select file_name, state from raw.delivery where source = 'structure_tables' order by file_name"
        ).fetchall()
    wanted = [("structure_tables_2021_fliesstext.csv", "held"), ("structure_tables_2021_tabelle.csv", "accepted")]
    return found if structure == wanted else [*found, f"structure_tables: {structure}, not {wanted}"]


def extract_differences(folder: Path) -> list[str]:
    """What the newest extract says otherwise: the cost figure in the CSV and in the workbook, and its caption."""
    with (folder / "daten" / "cost_per_person.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file, delimiter=";")
    found = []
    if (row["total_cost_eur"], row["cost_per_person_rounded_eur"]) != ("15639763,00", "2143"):
        found.append(f"{folder}/daten/cost_per_person.csv: {row}")
    workbook = python_calamine.load_workbook(str(folder / "lagebild.xlsx"))
    cells = [cell for name in workbook.sheet_names for line in workbook.get_sheet_by_name(name).to_python()
             for cell in line]  # fmt: skip
    found += [f"{folder}/lagebild.xlsx holds no {cell!r}" for cell in (2143.0, row["caption_de"]) if cell not in cells]
    return found


def newest_extract(settings: Settings) -> Path:
    """The folder of the ministry's package of the last publication."""
    return max(
        settings.extracts.glob("publication-*/ministry"), key=lambda folder: int(folder.parent.name.split("-")[1])
    )


if __name__ == "__main__":
    own = settings_module.load()
    wrong = differences(own) + extract_differences(newest_extract(own))
    agree = f"{len(EXPECTED) + len(PULLED)} groups of figures agree, in schema marts and in the extract"
    print("\n".join(wrong) or agree)
    sys.exit(bool(wrong))
