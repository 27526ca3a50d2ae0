"""Sound candidate marts, and the smallest changes that break each expectation on them: for tests and mutants."""

import re
import secrets
from collections.abc import Mapping

from expectations import gate, marts
from expectations.suite import HOLD, NOTE, WARN, Build, Expectation
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse.marts import definitions
from tests.expectations.support import Rows, begin_build, changed, deliver_rows, insert

_CHOICE_COLUMNS = (
    "delivery_id bigint, municipality_ags text, booked_year int, fiscal_year int, amount_eur numeric,"
    " is_counted boolean, reason text"
)
_COMPONENT_COLUMNS = "municipality_ags text, fiscal_year int, method text, source_sha256 text, amount_eur numeric"
_AZR_COLUMNS = (
    "reference_date date, source_region_code text, nationality_code text, persons bigint, male_persons bigint,"
    " female_persons bigint"
)
_HIERARCHY_COLUMNS = "variable_code text, code text, parent_code text, is_total boolean"
_MEASURE_COLUMNS = "statistics_code text, measure_label text, measure text"
LEDGER_SHA256 = "a" * 64
_FIGURE = {
    "reference_year": 2019,
    "method": "m",
    "denominator_persons": 3,
    "verdict": "retraced",
    "evidence": "derived",
    "caption_de": "nicht",
    "caption_en": "not",
}
_GAP = {"evidence": None, "caption_de": None, "caption_en": None, "denominator_persons": None}
_COST = {"municipality_ags": "05913000", "cost_per_person_eur": 2.5, "cost_per_person_low_eur": 2.4} | _FIGURE
_BRIDGE = {
    **{"municipality_ags": "05913000", "measure": "total_cost_eur", "region_code": "05913000"},
    **{"from_method": "m", "from_year": 2018, "to_method": "m", "to_year": 2019},
    **{"from_eur": 10, "to_eur": 12, "difference_eur": 2, "evidence": "synthetic"},
    **{"caption_de": "nicht", "caption_en": "not"},
}
_PAIR = {"left_municipality_ags": "05911000", "right_municipality_ags": "05913000", "dimension": "cost_basis"}
_GRANT = {"source_sha256": "a", "funder": "EU", "region_code": "06", "evidence": "delivered"}
_LUMP_SUM = {
    **{"reference_year": 2019, "population_persons": 5, "covered_pct": 50, "total_cost_eur": 10},
    "population_source": "register",
    **{"municipality_ags": "05913000", "lump_sum": "a", "lump_sum_eur": 5, "is_scenario": True},
    **{"evidence": "derived", "caption_de": "nicht", "caption_en": "not"},
}
_EMPLOYED = {
    **{"source": "genesis", "table_code": "t", "source_region_code": "05111", "region_code": "05111000"},
    **{"region_level": "municipality", "reference_date": "2025-06-30", "place_basis": "workplace"},
    **{"nationality": "ALL", "nationality_kind": "all", "sex": "all", "evidence": "published"},
}
_RECEIVING = {
    **{"table_code": "t", "source_region_code": "05111", "region_code": "05111000", "reference_date": "2024-12-31"},
    **{"benefit": "total", "nationality": "TOTAL", "nationality_kind": "total", "sex": "all", "evidence": "published"},
}
COMPONENT = {
    "municipality_ags": "05913000",
    "fiscal_year": 2019,
    "method": "m",
    "product_code": "050101",
    "account_code": "533100",
    "share_numerator": 1,
    "share_denominator": 1,
    "share_difference_persons": 0,
    "evidence": "synthetic",
    "source_sha256": LEDGER_SHA256,
}
CHOICE = {
    **{"delivery_id": 1, "municipality_ags": "05913000", "booked_year": 2019, "fiscal_year": 2019},
    **{"amount_eur": 10.5, "is_counted": True},
}
_DISTRICT_GROUP = {"region_code": "05913000", "reference_date": "2019-12-31", "evidence": "delivered"}
_STAY = {
    **{"region_code": "05913000", "reference_date": "2019-12-31", "evidence": "synthetic"},
    **{"characteristic": "length_of_stay", "characteristic_value": "1-4"},
}
_CHILDREN = {
    **{"region_code": "05913000", "reference_date": "2024-10-15", "register_on": "2024-10-31"},
    **{"age_years": 9, "nationality": "EU2", "evidence": "synthetic"},
}
_DISTRICT = {**_DISTRICT_GROUP, "city_district": "1"}
_COUNT = {"reference_date": "2019-12-31", "evidence": "published"}
_SHARE = {"region_code": "00", "sense": "wider", "population_group": "", "evidence": "published"}
_STATISTIC = {
    **{"table_code": "12521-0041", "time_text": "2024-12-31", "reference_date": "2024-12-31", "evidence": "published"},
    **{"source_region_code": "05754", "region_code": "05754", "region_level": "district", "line_number": 2},
}
_FOREIGNERS = {
    **{"region_code": "05913000", "source_region_code": "05913", "reference_date": "2019-12-31"},
    **{"nationality": "125", "nationality_name": "Bulgarien", "nationality_kind": "country", "is_in_key": True},
    **{"evidence": "published", "sex": "all", "source": "azr_nrw", "table_code": "12521-03i"},
}
_OF_REGISTER = {
    **{**_FOREIGNERS, "nationality": "EU2", "nationality_kind": "group", "is_in_key": None},
    **{"source": "register", "table_code": "", "evidence": "delivered"},
}
_STATUS = {
    **{"table_code": "12531-0043", "source_region_code": "05913", "reference_date": "2024-12-31", "sex": "male"},
    **{"nationality": "475", "evidence": "published"},
}
_NATURALISED = {
    **{"table_code": "12511-X-1", "source_region_code": "05913", "nationality": "475", "sex": "all"},
    **{"evidence": "published", "is_across_laws": False, "potential_reason": "potential_not_delivered"},
}
_CARE = {"region_code": "05913000", "reference_year": 2024, "evidence": "delivered", "source": "early_education"}
_AZR = {"reference_date": "2024-12-31", "source_region_code": "05754"}
_ESTIMATE = {
    **{"region_code": "00", "reference_period": "2020", "measure": "employed", "size_class": "all", "sex": "all"},
    **{"age_group": "all", "background_group": "all", "evidence": "synthetic"},
}
_ANSWER = {
    **{"survey": "a", "region_code": "00", "respondents": "towns", "item": "i", "question": "q"},
    **{"source_document": "d", "evidence": "published"},
}
_INDICATOR = {
    **{"indicator_code": "E4", "category": "all", "population_group": "all", "source_region_code": "DG"},
    **{"time_text": "2024", "formula": "percentage", "denominator": 10, "evidence": "derived"},
    **{"indicator_set": "laender", "definition_version": "1"},
}
_GAP_OF = {"indicator_code": "E2", "population_group": "all", "operand": "numerator", "missing_en": "a table"}
_SERIES = {
    **{"region_code": "03159", "territory_date": "2016-11-01", "table_code": "T", "classification_codes": "GES="},
    **{"measure_code": "BEVSTD", "missing_part_count": 0, "evidence": "derived"},
}
SOUND: dict[str, Rows] = {
    "mikrozensus_estimate": [
        {
            **{**_ESTIMATE, "share_pct": 0, "standard_error_pct": 0, "interval_low_pct": 0, "interval_high_pct": 100},
            **{"persons": 5, "cases": 3, "clusters": 2},
        },
        {**_ESTIMATE, "sex": "male", "value_sign": "/", "reason": "too_few_cases"},
        {**_ESTIMATE, "sex": "female", "value_sign": ".", "reason": "confidential"},
    ],
    "survey_result": [
        {**_ANSWER, "share_pct": 58.9},
        {**_ANSWER, "item": "j", "value_printed": "much", "reason": "not_printed"},
    ],
    "cost_per_person": [
        {**_COST, "reference_year": 2018, "cost_per_person_eur": 1.25, "cost_per_person_low_eur": 1.25},
        {
            **{**_COST, "population_persons": 5, "population_source": "register", "reference_date": "2019-12-31"},
            "employees_persons": 3,
        },
        {**_COST, "reference_year": 2020, "cost_per_person_eur": None, **_GAP, "reason": "none"},
        # as published: neither a multiple nor large
        {
            **{**_COST, "reference_year": 2022, "population_persons": 3, "population_source": "register"},
            **{"population_evidence": "published", "employees_persons": 1, "employees_evidence": "published"},
        },
        {"municipality_ags": "05913000", "reference_year": 2024, "method": "m", "reason": "confidential"},
    ],
    "cost_component": [
        {
            **{**COMPONENT, "treatment": "attributed", "amount_eur": 7, "attribution_rule": "population_share"},
            **{"share_numerator": 7, "share_denominator": 7, "share_reference_date": "2019-12-31"},
        },
        {**COMPONENT, "treatment": "excluded", "exclusion_reason": "other_group", "amount_eur": 3.5},
    ],
    "int_cost__component": [],
    "int_cost__ledger_choice": [CHOICE],
    "cost_extrapolation": [
        {"region_code": "00", "extrapolated_cost_unrounded_rate_eur": 9, "persons_year": 2019, **_FIGURE}
    ],
    "cost_bridge": [{**_BRIDGE, "part": "price", "part_eur": 3}, {**_BRIDGE, "part": "rounding", "part_eur": -1}],
    "cost_comparability": [{**_PAIR, "left_value": "net", "reason": "cost_basis_unknown"}],
    "lump_sum_simulation": [_LUMP_SUM],
    "sensitivity_cost_per_person": [
        {
            **{"municipality_ags": "05913000", "reference_year": 2019, "sensitivity": "sensitivity_a"},
            **{"cost_per_person_eur": 1, "denominator_persons": 1, "evidence": "derived"},
            **{"caption_de": "nicht", "caption_en": "not"},
        }
    ],
    "eu2_population": [
        {**_COUNT, "region_code": "00", "source": "eu2_series", "eu2_persons": 160},
        {**_COUNT, "region_code": "00", "source": "eu2_series", "reference_date": "2018-12-31", "eu2_persons": 100},
        {**_COUNT, "region_code": "01", "source": "eu2_series", "eu2_persons": 67},
        {**_COUNT, "region_code": "01", "source": "eu2_series", "reference_date": "2018-12-31", "eu2_persons": 100},
        {**_COUNT, "region_code": "02", "source": "eu2_series", "eu2_persons": 300},
        {**_COUNT, "region_code": "02", "source": "eu2_series", "reference_date": "2018-12-31", "eu2_persons": 99},
        {**_COUNT, "region_code": "05", "source": "azr_nrw", "eu2_persons": 5},
        {**_COUNT, "region_code": "05112000", "source": "register", "is_suppressed": True, "reason": "confidential"},
        {
            **{**_COUNT, "region_code": "05913000", "source": "register"},
            **{"bulgaria_persons": 5, "romania_persons": 10, "eu2_persons": 15, "is_suppressed": False},
        },
        # what the municipality published, and a split that is not shown
        {
            **{**_COUNT, "region_code": "05913000", "source": "register", "reference_date": "2018-12-31"},
            **{"eu2_persons": 13, "eu2_evidence": "published", "is_suppressed": True, "reason": "confidential"},
        },
    ],
    "foreign_population": [
        {
            **{**_FOREIGNERS, "persons": 30, "persons_low": 28, "persons_high": 32, "inhabitants_persons": 1000},
            "per_100_inhabitants": 3,
        },
        {**_FOREIGNERS, "nationality": "154", "persons_low": 0, "persons_high": 2, "reason": "none_or_rounded_away"},
        {**_OF_REGISTER, "persons": 15, "persons_low": 13, "persons_high": 17},
        {**_OF_REGISTER, "region_code": "05112000", "reason": "confidential"},
    ],
    "population_reconciliation": [
        {
            **{"region_code": "05913000", "reference_date": "2019-12-31", "nationality": "EU2", "register_persons": 15},
            **{"register_evidence": "delivered", "compared_persons": 15, "azr_persons": 10, "difference_persons": 5},
            **{"difference_pct": 50, "verdict": "within_rounding", "evidence": "derived"},
        },
        {
            **{"region_code": "05112000", "reference_date": "2019-12-31", "nationality": "EU2"},
            **{"azr_persons": 10, "reason": "confidential"},
        },
    ],
    "toleration": [
        {
            **{"region_code": "05", "reference_year": 2019, "reference_day": "not_stated", "years_class": "8+"},
            **{"sex": "all", "persons": 3, "whole_persons": 3, "share_pct": 100, "evidence": "delivered"},
        },
        {
            **{"region_code": "05", "reference_year": 2019, "reference_day": "not_stated", "years_class": "8+"},
            **{"sex": "male", "reason": "not_delivered"},
        },
    ],
    "city_district_population": [
        {**_DISTRICT, "nationality": "ALL", "persons": 15, "persons_low": 13, "persons_high": 17},
        {**_DISTRICT, "nationality": "EU2", "persons": 15, "persons_low": 13, "persons_high": 17},
        {**_DISTRICT, "nationality": "UKRAINE", "reason": "confidential"},
        {**_DISTRICT, "nationality": "ALL", "city_district": "2", "reason": "confidential"},
        {**_DISTRICT, "nationality": "EU2", "city_district": "2", "persons": 5, "persons_low": 3, "persons_high": 7},
    ],
    "district_concentration": [
        {**_DISTRICT_GROUP, "nationality": "ALL", "dissimilarity": 1, "adjusted_dissimilarity": 1},
        {**_DISTRICT_GROUP, "nationality": "EU26", "dissimilarity": 0, "adjusted_dissimilarity": -0.1},
        {**_DISTRICT_GROUP, "nationality": "EU2", "reason": "confidential"},
    ],
    "resident_composition": [
        {**_STAY, "nationality": "TOTAL", "persons": 20, "persons_low": 18, "persons_high": 22},
        {**_STAY, "nationality": "ALL", "persons": 20, "persons_low": 18, "persons_high": 22},
        {**_STAY, "nationality": "EU2", "reason": "confidential"},
    ],
    "school_coverage": [
        {**_CHILDREN, "children_persons": 20, "on_list_persons": 15, "not_on_list_persons": 5, "coverage_pct": 75},
        {**_CHILDREN, "nationality": "DE", "children_persons": 20, "reason": "confidential"},
    ],
    "eu2_population_unmasked": [{**_COUNT, "region_code": "05913000", "source": "register", "eu2_persons": 2}],
    "migration_background": [
        {**_SHARE, "reference_year": 2020, "share_pct": 100},
        {**_SHARE, "reference_year": 2021, "share_pct": 97},
        {**_SHARE, "reference_year": 2023, "share_pct": 100},
        {**_SHARE, "reference_year": 2025, "share_pct": 7},
    ],
    "programme_funding": [
        {"figure_id": "a", "amount_eur": 1, "evidence": "published", "is_addable": True},
        {"figure_id": "b", "amount_eur": 1, "evidence": "published", "part_of": "a", "is_addable": False},
    ],
    "programme_funding_year": [
        {"programme_id": "p", "reference_year": 2030, "amount_eur": 1, "evidence": "published"},
        {"programme_id": "p", "reference_year": 2031, "reason": "no_amount_stated_for_the_year"},
    ],
    "funding_cliff": [
        {
            "measure_id": "a",
            "measure": "m",
            "receiving_programme_id": "k",
            "module_number": 1,
            "stated_by": "position",
            "eligibility_document": "paper",
            "evidence": "published",
        },
        {
            "measure_id": "b",
            "measure": "m",
            "receiving_programme_id": "not_stated",
            "module_number": 0,
            "stated_by": "nobody",
            "evidence": "published",
        },
    ],
    "funding_granted": [
        {**_GRANT, "begin_year": "all", "operations": 10, "granted_eur": 50},
        {**_GRANT, "begin_year": "2030", "operations": 6, "reason": "rate_not_listed"},
        {**_GRANT, "begin_year": "2031", "reason": "confidential"},
        {**_GRANT, "begin_year": "2032", "reason": "confidential"},
        # nothing is left over
        {**_GRANT, "region_code": "07", "begin_year": "all", "operations": 6, "granted_eur": 5},
        {**_GRANT, "region_code": "07", "begin_year": "2030", "operations": 6, "granted_eur": 5},
    ],
    "ledger_choice": [
        {
            **{"municipality_ags": "a", "fiscal_year": 2030, "source": "ledger", "is_counted": True},
            **{"amount_eur": 1, "evidence": "delivered"},
        },
        {
            **{"municipality_ags": "a", "fiscal_year": 2030, "source": "ledger_totals", "is_counted": False},
            **{"reason": "journal_counts"},
        },
    ],
    "programme_outcome": [
        {
            "programme_id": "p",
            "region_code": "05",
            "results_cases": 4,
            "participants_persons": 1,
            "eur_per_result_reason": "own_cost_not_delivered",
            "evidence": "published",
        },
        {
            **{
                "programme_id": "q",
                "region_code": "05",
                "results_cases": 4,
                "eur_per_result": 1,
                "evidence": "delivered",
            },
            **{"participants_persons": 3, "employed_after_six_months_persons": 3},
        },
    ],
    "programme_site": [
        {
            **{"programme_id": "p", "region_code": "05", "period_printed": "x", "count_kind": "sites", "counted": 3},
            **{"value_printed": "drei", "source_document": "d", "evidence": "published"},
        }
    ],
    "programme_reach": [
        {
            **{"programme_id": "p", "region_code": "05", "period_printed": "x", "participants_persons": 3},
            **{"target_group_persons": 3, "reach_pct": 100, "evidence": "derived"},
        },
        {
            **{"programme_id": "q", "region_code": "05", "period_printed": "x", "participants_persons": 1},
            **{"reason": "target_group_not_delivered", "evidence": "published"},
        },
    ],
    "integration_course": [
        {
            "region_code": "00",
            "stated_year": 2030,
            "reference_month": "not_stated",
            "courses": 2,
            "eur_per_course": 5,
            "evidence": "derived",
        },
        {
            "region_code": "00",
            "stated_year": 2031,
            "reference_month": "2031-01",
            "participants_persons": 3,
            "eur_per_course_reason": "courses_not_delivered",
            "eur_per_success": 5,
            "success_definition": "level B1",
            "evidence": "delivered",
        },
    ],
    "refinancing": [
        {
            "region_code": "a",
            "accrual_year": "2030",
            "method": "m",
            "funding_level": "third_party",
            "received_eur": 0,
            "cost_eur": 7,
            "rate_pct": 0,
            "gap_eur": 7,
            "evidence": "delivered",
        },
        {
            "region_code": "a",
            "accrual_year": "2031",
            "method": "m",
            "funding_level": "EU",
            "reason": "received_not_delivered",
        },
    ],
    "published_claim": [
        {
            **{"figure_id": "a", "claimed_high": 5, "compared_with": "c", "compared_value": 4},
            **{"verdict": "plausible", "evidence": "published"},
        },
        {
            **{"figure_id": "b", "claimed_value": 5, "compared_with": "eu2_population_change", "compared_value": 4},
            **{"verdict": "retraced", "evidence": "synthetic", "caveat_de": "Geburten", "caveat_en": "births"},
        },
    ],
    "municipal_profile": [
        {
            **{"region_code": "05913000", "reference_year": year, "population_persons": persons},
            **{"foreign_pct_recomputed": 1, "evidence": "published"},
        }
        for year, persons in ((2019, 100), (2020, 110), (2021, 99), (2024, 5))
    ],
    "official_statistic": [
        {**_STATISTIC, "classification_codes": "GES=;STAAG5=ST125", "value": 10},
        {**_STATISTIC, "classification_codes": "GES=GESM;STAAG5=ST125", "value": 5},
        {**_STATISTIC, "classification_codes": "GES=GESW;STAAG5=ST125", "value": 5},
        # another table may count otherwise, and a sign is compared with nothing
        {**_STATISTIC, "table_code": "12521-0040", "classification_codes": "GES=;STAAG5=ST125", "value": 11},
        {**_STATISTIC, "classification_codes": "GES=;STAAG5=ST154", "value": None, "value_sign": "-"},
        {**_STATISTIC, "table_code": "12531-0043", "classification_codes": "GES=;SCHST2=SCHUTZST-X", "value": 5},
    ],
    "employment": [
        {**_EMPLOYED, "source_region_code": "DG", "region_level": "country", "persons": 10, "total_persons": 10},
        {**_EMPLOYED, "source_region_code": "05", "region_level": "state", "persons": 10, "total_persons": 10},
        {
            **{**_EMPLOYED, "source": "ba_nationality", "table_code": "b", "place_basis": "residence", "persons": 3},
            **{"total_persons": 3, "inhabitants_persons": 1, "inhabitants_date": "2024-12-31"},
            "per_100_inhabitants": 300,
        },
        {**_EMPLOYED, "persons": None, "reason": "dash_is_no_zero"},
    ],
    "minimum_income": [
        {
            **{**_RECEIVING, "source": "ba_nationality", "persons": 3, "inhabitants_persons": 4},
            **{"inhabitants_date": "2024-12-31", "per_100_inhabitants": 75},
        },
        {
            **{**_RECEIVING, "source": "ldb_22811_01i", "reason": "rate_without_count", "published_rate_pct": 75},
            **{"recomputed_rate_pct": 75, "rate_verdict": "confirmed"},
        },
    ],
    "naturalisation_measure": [{"statistics_code": "12511", "measure_label": "m", "measure": "naturalised_persons"}],
    "protection_status": [
        {**_STATUS, "status": "SCHUTZST-AK-1", "persons": 15, "parts_persons": 10, "tree_verdict": "rounding"},
        {**_STATUS, "status": "SCHUTZST-OF", "value_sign": "-", "reason": "sign_instead_of_value"},
    ],
    "naturalisation": [
        {
            **{**_NATURALISED, "reference_year": 2023, "naturalised_persons": 5, "year_end_reason": "r"},
            **{"mean_reason": "r", "change_reason": "year_before_not_delivered"},
        },
        {
            **{**_NATURALISED, "reference_year": 2024, "naturalised_persons": 50, "per_100_foreigners_year_end": 26},
            **{"per_100_foreigners_mean": 25, "is_across_laws": True, "change_persons": 45},
            "change_reason": "law_changed_between",
        },
        {
            **{**_NATURALISED, "reference_year": 2025, "reason": "sign_instead_of_value", "year_end_reason": "r"},
            **{"mean_reason": "r", "change_reason": "sign_instead_of_value"},
        },
    ],
    "early_education": [
        {
            **{**_CARE, "age_class": "under_3", "population_group": "all", "day_care_children_persons": 3},
            **{"children_persons": 6, "attendance_pct": 50, "attendance_date_basis": "other_day"},
        },
        {
            **{**_CARE, "age_class": "under_3", "population_group": "foreign", "day_care_children_persons": 3},
            **{"day_care_share_recomputed_pct": 100, "day_care_share_printed_pct": 100},
            **{"day_care_share_verdict": "agrees", "attendance_reason": "children_not_delivered"},
        },
        # an office's own counts are protected by it
        {
            **{**_CARE, "age_class": "under_6", "population_group": "all", "day_care_children_persons": 1},
            **{"attendance_reason": "children_not_delivered", "evidence": "published"},
            "children_share_printed_pct": 100,
        },
    ],
    "genesis_hierarchy": [{"variable_code": "SCHST2", "code": "SCHUTZST-X", "is_total": False}],
    "indicator": [
        {**_INDICATOR, "value": 100},
        {**_INDICATOR, "value": 0, "verdict": "confirmed"},
        {**_INDICATOR, "value": None, "reason": "dates_differ", "denominator": 0, "evidence": None},
        # what is no share may be above 100, and has no denominator
        {**_INDICATOR, "value": 101, "formula": "count", "denominator": None, "compared_source": "wegweiser"},
    ],
    "indicator_gap": [
        {**_GAP_OF, "reason": "table_not_known", "missing_de": "eine Tabelle"},
        {**_GAP_OF, "reason": "cells_not_known", "missing_de": "Zellen"},
        # a delivery would do
        {**_GAP_OF, "reason": "table_not_delivered", "missing_de": None},
    ],
    "territorial_series": [
        {**_SERIES, "time_text": "2013", "reference_year": 2013, "value": 100},
        {**_SERIES, "time_text": "2014", "reference_year": 2014, "value": 110},
        {**_SERIES, "time_text": "2015", "reference_year": 2015, "value": 99},
        {
            **{**_SERIES, "time_text": "2016", "reference_year": 2016, "value": None, "evidence": None},
            **{"reason": "part_not_published", "missing_part_count": 1},
        },
        # after a gap there is no year before
        {**_SERIES, "time_text": "2017", "reference_year": 2017, "value": 1000},
    ],
    "stg_azr_nrw__nationality": [
        {**_AZR, "nationality_code": "125", "persons": 10, "male_persons": 5, "female_persons": 5},
        {**_AZR, "nationality_code": "154", "persons": 5, "male_persons": None, "female_persons": 5},
    ],
}


def _breaks(mart: str, index: int, **values) -> dict[str, Rows]:
    return {mart: changed(SOUND[mart], index, **values)}


MAY_BE_EMPTY = {
    "population_reconciliation",
    *("cost_bridge", "cost_comparability", "eu2_population_unmasked", "int_cost__ledger_choice", "int_cost__component"),
    *("stg_azr_nrw__nationality", "genesis_hierarchy", "naturalisation_measure", "protection_status", "naturalisation"),
    *("stg_azr_nrw__nationality", "city_district_population", "district_concentration", "school_coverage"),
    "resident_composition",
    "stg_azr_nrw__nationality",
    *("indicator_gap", "territorial_series"),
}
# Of a confidential year, and what stands behind its rows.
_HIDDEN = {
    **dict.fromkeys(("amount_eur", "posting_count", "booked_amount_eur", "share_numerator", "share_denominator")),
    **{"amount_precision_eur": None, "amount_reason": "confidential"},
    **{"denominator_population_persons": None, "share_difference_persons": None},
}
_EXACT = {
    **{"municipality_ags": "05913000", "fiscal_year": 2019, "method": "m", "source_sha256": LEDGER_SHA256},
    "amount_eur": 10.5,
}
BROKEN: dict[str, list[dict[str, Rows]]] = {
    "cost_per_person.denominator_positive": [_breaks("cost_per_person", 0, denominator_persons=0)],
    "cost_per_person.figure_has_evidence_and_captions": [_breaks("cost_per_person", 0, caption_en=" ")],
    "cost_per_person.agrees_with_published": [_breaks("cost_per_person", 0, verdict="differs")],
    "cost_per_person.gap_has_reason": [_breaks("cost_per_person", 2, reason=None)],
    "cost_component.reconciles_with_ledger": [
        _breaks("cost_component", 1, amount_eur=3.49),
        {
            "cost_component": [{**row, **_HIDDEN} for row in SOUND["cost_component"]],
            "int_cost__component": [{**_EXACT, "amount_eur": 10.49}],
        },
    ],
    "cost_component.confidential_shows_no_figure": [
        {
            # two counts that differ would break one more
            "cost_component": [
                {**row, **_HIDDEN, **({column: int(column != "share_difference_persons")} if number == 0 else {})}
                for number, row in enumerate(SOUND["cost_component"])
            ],
            "int_cost__component": [_EXACT],
        }
        for column in _HIDDEN
        # a numerator alone would break two more
        if column not in ("amount_reason", "share_numerator")
    ],
    "cost_component.one_ledger_a_year": [{"int_cost__ledger_choice": [CHOICE, {**CHOICE, "delivery_id": 2}]}],
    "cost_component.ledger_left_aside": [
        {
            "int_cost__ledger_choice": [
                CHOICE,
                {**CHOICE, "delivery_id": 2, "is_counted": False, "reason": "journal_counts"},
            ]
        }
    ],
    "cost_component.exclusion_has_reason": [_breaks("cost_component", 1, exclusion_reason=None)],
    "cost_component.figure_has_evidence": [_breaks("cost_component", 0, evidence=None)],
    "cost_component.everything_mapped": [_breaks("cost_component", 1, exclusion_reason="unmapped")],
    "cost_component.share_counts_the_same_persons": [
        _breaks("cost_component", 0, share_difference_persons=number) for number in (1, -1)
    ],
    "cost_per_person.mapping_complete": [_breaks("cost_per_person", 1, unmapped_cost_eur=0.01, unmapped_pct=0.1)],
    "cost_per_person.interval_holds_the_figure": [_breaks("cost_per_person", 0, cost_per_person_low_eur=2.6)],
    "cost_bridge.parts_sum_to_the_difference": [_breaks("cost_bridge", 1, part_eur=-0.99)],
    "cost_bridge.figure_has_evidence": [_breaks("cost_bridge", 0, evidence=None)],
    "cost_comparability.not_knowing_is_a_reason": [_breaks("cost_comparability", 0, reason=None)],
    "lump_sum_simulation.assumption_is_said": [_breaks("lump_sum_simulation", 0, is_scenario=False)],
    "lump_sum_simulation.figure_has_evidence": [_breaks("lump_sum_simulation", 0, evidence=None)],
    "sensitivity_cost_per_person.named_as_such": [_breaks("sensitivity_cost_per_person", 0, sensitivity="all_persons")],
    "cost_extrapolation.other_year_by_price_basis": [_breaks("cost_extrapolation", 0, persons_year=2020)],
    "cost_extrapolation.denominator_positive": [_breaks("cost_extrapolation", 0, denominator_persons=None)],
    "cost_extrapolation.figure_has_evidence_and_captions": [_breaks("cost_extrapolation", 0, evidence=None)],
    "cost_extrapolation.agrees_with_published": [_breaks("cost_extrapolation", 0, verdict="differs")],
    "eu2_population.register_is_rounded": [
        _breaks("eu2_population", -2, evidence="delivered", eu2_evidence="delivered", **{column: count})
        for column in ("bulgaria_persons", "romania_persons", "eu2_persons")
        for count in (0, 2, 9)
    ],
    "eu2_population.gap_has_reason": [
        _breaks("eu2_population", -1, reason=None),
        _breaks("eu2_population", -2, reason="confidential"),
        *(
            _breaks("eu2_population", -2, **{column: None})
            for column in ("bulgaria_persons", "romania_persons", "eu2_persons")
        ),
    ],
    "eu2_population.figure_has_evidence": [_breaks("eu2_population", 0, evidence="")],
    "eu2_population.every_source_counted": [
        {"eu2_population": [row for row in SOUND["eu2_population"] if row["source"] != "register"]}
    ],
    "migration_background.share_within_0_and_100": [
        _breaks("migration_background", 2, share_pct=100.1),
        _breaks("migration_background", 3, share_pct=-0.1),
    ],
    "migration_background.figure_has_evidence": [_breaks("migration_background", 0, evidence=None)],
    "mikrozensus_estimate.figure_has_evidence": [_breaks("mikrozensus_estimate", 0, evidence=None)],
    "mikrozensus_estimate.gap_has_reason": [_breaks("mikrozensus_estimate", 2, reason=None)],
    "mikrozensus_estimate.confidential_shows_no_figure": [
        _breaks("mikrozensus_estimate", 2, **{column: 9}) for column in ("persons", "cases", "clusters")
    ],
    "mikrozensus_estimate.no_small_cell": [_breaks("mikrozensus_estimate", 0, cases=count) for count in (1, 2)],
    "mikrozensus_estimate.slash_shows_no_value": [
        _breaks("mikrozensus_estimate", 0, value_sign="/"),
        _breaks("mikrozensus_estimate", 1, value_sign=None),
        *(_breaks("mikrozensus_estimate", 1, **{column: 9}) for column in ("persons", "cases", "clusters")),
    ],
    "mikrozensus_estimate.interval_holds_the_share": [
        _breaks("mikrozensus_estimate", 0, interval_low_pct=0.1),
        _breaks("mikrozensus_estimate", 0, share_pct=100.1),
        _breaks("mikrozensus_estimate", 0, interval_low_pct=-0.1),
        _breaks("mikrozensus_estimate", 0, interval_high_pct=100.1),
        _breaks("mikrozensus_estimate", 0, standard_error_pct=-0.1),
        _breaks("mikrozensus_estimate", 0, standard_error_pct=None),
    ],
    "survey_result.figure_has_evidence": [_breaks("survey_result", 0, evidence=None)],
    "survey_result.gap_has_reason": [_breaks("survey_result", 1, reason=" ")],
    "survey_result.question_with_every_answer": [
        _breaks("survey_result", 0, **{column: " "}) for column in ("question", "respondents", "source_document")
    ],
    "programme_funding.figure_has_evidence": [_breaks("programme_funding", 0, evidence=None)],
    "programme_funding.part_is_never_added": [_breaks("programme_funding", 1, is_addable=True)],
    "programme_funding_year.figure_has_evidence": [_breaks("programme_funding_year", 0, evidence=None)],
    "programme_funding_year.gap_has_reason": [_breaks("programme_funding_year", 1, reason=None)],
    "funding_cliff.position_has_its_author": [_breaks("funding_cliff", 0, stated_by=" ")],
    "funding_cliff.figure_has_evidence": [_breaks("funding_cliff", 1, evidence=None)],
    "funding_granted.figure_has_evidence": [_breaks("funding_granted", 0, evidence=None)],
    "funding_granted.gap_has_reason": [_breaks("funding_granted", 1, reason=None)],
    "funding_granted.no_small_cell": [
        # shown themselves, and left over: 10 in all less 8, less 9
        *(_breaks("funding_granted", 3, operations=count, reason=None, granted_eur=1) for count in (1, 2)),
        *(_breaks("funding_granted", 1, operations=count) for count in (8, 9)),
    ],
    "ledger_choice.figure_has_evidence": [_breaks("ledger_choice", 0, evidence=None)],
    "ledger_choice.left_aside_has_reason": [
        _breaks("ledger_choice", 1, reason=" "),
        _breaks("ledger_choice", 0, reason="journal_counts"),
    ],
    "programme_outcome.figure_has_evidence": [_breaks("programme_outcome", 0, evidence=None)],
    "programme_outcome.gap_has_reason": [_breaks("programme_outcome", 0, eur_per_result_reason=None)],
    "programme_site.figure_has_evidence": [_breaks("programme_site", 0, evidence=None)],
    "programme_site.words_with_the_number": [
        _breaks("programme_site", 0, value_printed=" "),
        _breaks("programme_site", 0, source_document=None),
    ],
    "programme_reach.figure_has_evidence": [_breaks("programme_reach", 1, evidence=None)],
    "programme_reach.gap_has_reason": [_breaks("programme_reach", 1, reason=None)],
    "programme_reach.denominator_positive": [_breaks("programme_reach", 0, target_group_persons=0)],
    "programme_reach.no_small_cell": [
        *(_breaks("programme_reach", 0, participants_persons=count, target_group_persons=5) for count in (1, 2)),
        _breaks("programme_reach", 0, participants_persons=3, target_group_persons=4),
        *(
            _breaks("programme_reach", 1, participants_persons=None, target_group_persons=count, evidence="delivered")
            for count in (1, 2)
        ),
    ],
    "programme_reach.reach_within_all": [_breaks("programme_reach", 0, reach_pct=100.5)],
    "integration_course.figure_has_evidence": [_breaks("integration_course", 0, evidence="")],
    "integration_course.gap_has_reason": [_breaks("integration_course", 1, eur_per_course_reason=" ")],
    "integration_course.success_is_defined": [_breaks("integration_course", 1, success_definition=None)],
    "refinancing.gap_has_reason": [_breaks("refinancing", 1, reason=None)],
    "refinancing.unknown_is_not_zero": [_breaks("refinancing", 0, received_eur=None)],
    "published_claim.is_plausible": [
        _breaks("published_claim", 0, compared_value=75, verdict="contradicted"),
        _breaks("published_claim", 0, claimed_high=None, claimed_value=5, verdict="contradicted"),
    ],
    "published_claim.nothing_pinned_confirms": [
        _breaks("published_claim", 0, evidence="synthetic"),
        _breaks("published_claim", 0, evidence="derived_from_result"),
    ],
    "published_claim.change_says_what_it_holds": [
        _breaks("published_claim", 1, caveat_de=None),
        _breaks("published_claim", 1, caveat_en=" "),
    ],
    "municipal_profile.figure_has_evidence": [_breaks("municipal_profile", 0, evidence=None)],
    "cost_per_person.year_on_year": [
        _breaks("cost_per_person", 0, cost_per_person_eur=1.24, cost_per_person_low_eur=1.24),
        _breaks("cost_per_person", 0, cost_per_person_eur=5.01),
    ],
    "cost_per_person.no_small_cell": [_breaks("cost_per_person", 1, employees_persons=count) for count in (1, 2)],
    "cost_per_person.register_is_rounded": [
        _breaks("cost_per_person", 1, population_persons=count) for count in (0, 3, 9)
    ],
    "cost_per_person.confidential_shows_no_figure": [
        _breaks("cost_per_person", -1, **{column: 5})
        for column in (
            *("total_cost_eur", "population_persons", "employees_persons", "denominator_persons"),
            *("cost_per_person_rounded_eur", "unattributed_cost_eur", "excluded_cost_eur", "unmapped_pct"),
            *("cost_per_person_low_eur", "cost_per_person_high_eur", "rate_step_eur"),
        )
    ],
    "cost_extrapolation.register_is_rounded": [
        _breaks("cost_extrapolation", 0, population_persons=count, population_source="register") for count in (0, 3, 9)
    ],
    "cost_extrapolation.confidential_shows_no_figure": [_breaks("cost_extrapolation", 0, reason="confidential")],
    "ledger_choice.confidential_shows_no_figure": [_breaks("ledger_choice", 0, amount_reason="confidential")],
    "cost_component.denominator_positive": [_breaks("cost_component", 0, share_denominator=0)],
    "cost_bridge.figure_has_captions": [_breaks("cost_bridge", 0, caption_de=None)],
    "lump_sum_simulation.denominator_positive": [_breaks("lump_sum_simulation", 0, total_cost_eur=0)],
    "lump_sum_simulation.register_is_rounded": [
        _breaks("lump_sum_simulation", 0, population_persons=count) for count in (0, 3, 9)
    ],
    "lump_sum_simulation.confidential_shows_no_figure": [
        _breaks("lump_sum_simulation", 0, reason="confidential"),
        _breaks(
            "lump_sum_simulation", 0, reason="confidential", lump_sum_eur=None, covered_pct=None, total_cost_eur=None
        ),
    ],
    "sensitivity_cost_per_person.figure_has_evidence": [_breaks("sensitivity_cost_per_person", 0, evidence=None)],
    "sensitivity_cost_per_person.denominator_positive": [
        _breaks("sensitivity_cost_per_person", 0, denominator_persons=None)
    ],
    "eu2_population.year_on_year": [
        _breaks("eu2_population", 0, eu2_persons=161),
        _breaks("eu2_population", 2, eu2_persons=66),
    ],
    "foreign_population.figure_has_evidence": [_breaks("foreign_population", 0, evidence=None)],
    "foreign_population.gap_has_reason": [_breaks("foreign_population", 1, reason=" ")],
    "foreign_population.denominator_positive": [_breaks("foreign_population", 0, inhabitants_persons=0)],
    "foreign_population.register_is_rounded": [
        # shown by eu2_population, too, where the municipality had published it
        {
            **_breaks("foreign_population", 2, reference_date="2018-12-31", persons=count, persons_low=0),
            **_breaks("eu2_population", -1, eu2_persons=count),
        }
        for count in (0, 13)
    ],
    "foreign_population.confidential_shows_no_figure": [
        _breaks("foreign_population", 3, **{column: 5}) for column in ("persons_low", "persons_high")
    ],
    "foreign_population.register_as_its_mart_shows_it": [
        _breaks("foreign_population", 2, persons=20, persons_high=22),
        _breaks("foreign_population", 2, nationality="125"),
        _breaks("foreign_population", 2, sex="male"),
        _breaks("foreign_population", 2, region_code="05913001"),
    ],
    "foreign_population.share_within_100": [
        _breaks("foreign_population", 0, per_100_inhabitants=101),
        _breaks("foreign_population", 0, per_100_inhabitants=-1),
    ],
    "foreign_population.within_its_rounding": [
        _breaks("foreign_population", 0, persons=33),
        _breaks("foreign_population", 0, persons=27),
    ],
    "foreign_population.nationality_in_the_key": [_breaks("foreign_population", 0, nationality="195", is_in_key=False)],
    "population_reconciliation.figure_has_evidence": [_breaks("population_reconciliation", 0, evidence=None)],
    "population_reconciliation.gap_has_reason": [_breaks("population_reconciliation", 1, reason=None)],
    "population_reconciliation.denominator_positive": [_breaks("population_reconciliation", 0, azr_persons=0)],
    "population_reconciliation.register_is_rounded": [
        _breaks("population_reconciliation", 0, register_persons=count) for count in (0, 2, 13)
    ],
    "population_reconciliation.confidential_shows_no_figure": [
        _breaks("population_reconciliation", 1, register_persons=5, register_evidence="delivered"),
        _breaks("population_reconciliation", 1, compared_persons=5),
    ],
    "population_reconciliation.within_rounding": [_breaks("population_reconciliation", 0, verdict="above_azr")],
    "toleration.figure_has_evidence": [_breaks("toleration", 0, evidence=" ")],
    "toleration.gap_has_reason": [_breaks("toleration", 1, reason=None)],
    "toleration.denominator_positive": [_breaks("toleration", 0, whole_persons=0)],
    "toleration.no_small_cell": [_breaks("toleration", 0, persons=count) for count in (1, 2)],
    "toleration.share_within_100": [_breaks("toleration", 0, share_pct=101)],
    "city_district_population.register_is_rounded": [
        _breaks("city_district_population", 1, persons=count) for count in (0, 2, 14)
    ],
    "city_district_population.gap_has_reason": [_breaks("city_district_population", 2, reason=None)],
    "city_district_population.confidential_shows_no_figure": [
        _breaks("city_district_population", 2, persons_low=3),
        _breaks("city_district_population", 2, persons_high=7),
        _breaks("city_district_population", 0, reason="confidential"),
    ],
    "city_district_population.figure_has_evidence": [_breaks("city_district_population", 0, evidence=None)],
    "city_district_population.part_within_whole": [_breaks("city_district_population", 1, persons=20)],
    "district_concentration.share_within_0_and_1": [
        _breaks("district_concentration", 0, dissimilarity=value) for value in (-0.1, 1.1)
    ],
    "resident_composition.register_is_rounded": [
        _breaks("resident_composition", 1, persons=count) for count in (0, 19)
    ],
    "resident_composition.gap_has_reason": [_breaks("resident_composition", 2, reason=None)],
    "resident_composition.confidential_shows_no_figure": [_breaks("resident_composition", 2, persons_low=3)],
    "resident_composition.figure_has_evidence": [_breaks("resident_composition", 0, evidence=None)],
    "resident_composition.part_within_whole": [_breaks("resident_composition", 1, persons=25)],
    "school_coverage.register_is_rounded": [
        _breaks("school_coverage", 0, children_persons=21, on_list_persons=16),
        *(_breaks("school_coverage", 1, children_persons=count) for count in (0, 2)),
        _breaks("school_coverage", 0, on_list_persons=0, not_on_list_persons=20),
        _breaks("school_coverage", 0, on_list_persons=20, not_on_list_persons=0),
    ],
    "school_coverage.gap_has_reason": [_breaks("school_coverage", 1, reason=" ")],
    "school_coverage.confidential_shows_no_figure": [_breaks("school_coverage", 1, coverage_pct=75)],
    "school_coverage.figure_has_evidence": [_breaks("school_coverage", 0, evidence=" ")],
    "school_coverage.parts_are_the_whole": [
        _breaks("school_coverage", 0, not_on_list_persons=None),
        _breaks("school_coverage", 0, not_on_list_persons=10),
    ],
    "school_coverage.register_knows_the_day": [_breaks("school_coverage", 0, register_on="2024-10-14")],
    "district_concentration.gap_has_reason": [_breaks("district_concentration", 2, reason=None)],
    "district_concentration.figure_has_evidence": [_breaks("district_concentration", 0, evidence=None)],
    "eu2_population_unmasked.figure_has_evidence": [_breaks("eu2_population_unmasked", 0, evidence=None)],
    "migration_background.year_on_year": [
        _breaks("migration_background", 1, share_pct=96.9),
        _breaks("migration_background", 0, share_pct=93.9),
    ],
    "programme_outcome.denominator_positive": [_breaks("programme_outcome", 1, results_cases=0)],
    "programme_outcome.no_small_cell": [
        _breaks("programme_outcome", 1, **{column: count})
        for column in (
            "participants_persons",
            "employed_after_six_months_persons",
            "improved_after_six_months_persons",
        )
        for count in (1, 2)
    ],
    "integration_course.denominator_positive": [_breaks("integration_course", 0, courses=0)],
    "integration_course.no_small_cell": [
        _breaks("integration_course", 1, participants_persons=count) for count in (1, 2)
    ],
    "refinancing.figure_has_evidence": [_breaks("refinancing", 0, evidence=None)],
    "refinancing.denominator_positive": [_breaks("refinancing", 0, cost_eur=0)],
    "published_claim.figure_has_evidence": [_breaks("published_claim", 0, evidence=" ")],
    "municipal_profile.denominator_positive": [_breaks("municipal_profile", 3, population_persons=0)],
    "official_statistic.figure_has_evidence": [_breaks("official_statistic", 0, evidence=None)],
    "official_statistic.number_or_sign": [
        _breaks("official_statistic", 0, value=None),
        _breaks("official_statistic", 0, value_sign="-"),
    ],
    "official_statistic.place_known": [_breaks("official_statistic", 0, region_level=None)],
    "official_statistic.code_in_hierarchy": [
        _breaks("official_statistic", -1, classification_codes="GES=;SCHST2=SCHUTZST-NEU"),
        _breaks("genesis_hierarchy", 0, code="SCHUTZST-AK-1"),
    ],
    "official_statistic.agrees_with_azr_nrw": [
        *(_breaks("official_statistic", row, value=15) for row in range(3)),
        _breaks("stg_azr_nrw__nationality", 0, male_persons=10),
    ],
    "employment.figure_has_evidence": [_breaks("employment", 0, evidence=None)],
    "employment.gap_has_reason": [_breaks("employment", 3, reason=None)],
    "employment.denominator_positive": [_breaks("employment", 2, inhabitants_persons=0)],
    "employment.no_small_cell": [_breaks("employment", 2, persons=count) for count in (1, 2)],
    "employment.place_known": [_breaks("employment", 1, region_code=None)],
    "employment.nationality_known": [_breaks("employment", 1, nationality_kind="unknown")],
    "employment.group_within_all": [_breaks("employment", 2, persons=4)],
    "employment.rate_by_residence": [
        _breaks("employment", 2, place_basis="workplace"),
        _breaks("employment", 2, inhabitants_date="2024-12-29"),
        _breaks("employment", 2, inhabitants_date="2025-12-31"),
    ],
    "employment.states_within_the_country": [_breaks("employment", 1, persons=11, total_persons=11)],
    "minimum_income.figure_has_evidence": [_breaks("minimum_income", row, evidence=None) for row in (0, 1)],
    "minimum_income.gap_has_reason": [_breaks("minimum_income", 1, reason=" ")],
    "minimum_income.denominator_positive": [_breaks("minimum_income", 0, inhabitants_persons=0)],
    "minimum_income.no_small_cell": [_breaks("minimum_income", 0, persons=count) for count in (1, 2)],
    "minimum_income.place_known": [_breaks("minimum_income", 1, region_code=None)],
    "minimum_income.nationality_known": [_breaks("minimum_income", 1, nationality_kind="unknown")],
    "minimum_income.rate_of_the_same_day": [_breaks("minimum_income", 0, inhabitants_date="2023-12-31")],
    "minimum_income.rate_agrees_with_published": [_breaks("minimum_income", 1, rate_verdict="differs")],
    "protection_status.figure_has_evidence": [_breaks("protection_status", 0, evidence=None)],
    "protection_status.gap_has_reason": [_breaks("protection_status", 1, reason=None)],
    "protection_status.node_is_its_parts": [_breaks("protection_status", 0, tree_verdict="differs")],
    "naturalisation.figure_has_evidence": [_breaks("naturalisation", 0, evidence=None)],
    "naturalisation.gap_has_reason": [_breaks("naturalisation", 2, reason=None)],
    "naturalisation.rate_has_reason": [
        *(
            _breaks("naturalisation", 0, **{reason: None})
            for reason in ("year_end_reason", "mean_reason", "potential_reason", "change_reason")
        ),
    ],
    "naturalisation.change_says_the_law": [
        _breaks("naturalisation", 1, change_reason=None),
        _breaks("naturalisation", 1, change_reason="year_before_not_delivered"),
    ],
    "naturalisation.rate_plausible": [_breaks("naturalisation", 1, per_100_foreigners_mean=25.01)],
    "naturalisation.measure_known": [
        _breaks("official_statistic", -1, statistics_code="12511", measure_label="Einbürgerungsquote"),
        {
            **_breaks("official_statistic", -1, statistics_code="12511", measure_label="m"),
            **_breaks("naturalisation_measure", 0, statistics_code="12521"),
        },
    ],
    "early_education.figure_has_evidence": [_breaks("early_education", 0, evidence=" ")],
    "early_education.attendance_has_reason": [
        _breaks("early_education", 1, attendance_reason=None),
        _breaks("early_education", 0, attendance_reason="children_not_delivered"),
        _breaks("early_education", 0, attendance_date_basis=None),
        _breaks("early_education", 1, attendance_date_basis="same_day"),
    ],
    "early_education.share_within_0_and_100": [
        _breaks("early_education", 1, **{share: 100.1})
        for share in ("day_care_share_printed_pct", "day_care_share_recomputed_pct", "children_share_printed_pct")
    ],
    "early_education.share_recomputes": [_breaks("early_education", 1, day_care_share_verdict="differs")],
    "early_education.no_small_cell": [
        *(
            _breaks("early_education", 0, day_care_children_persons=count, children_persons=count + 3)
            for count in (1, 2)
        ),
        *(_breaks("early_education", 0, children_persons=count) for count in (4, 5)),
        *(_breaks("early_education", 0, day_care_children_persons=None, children_persons=count) for count in (1, 2)),
    ],
    "indicator.figure_has_evidence": [_breaks("indicator", 0, evidence=None)],
    "indicator.gap_has_reason": [_breaks("indicator", 2, reason=None)],
    "indicator.denominator_positive": [
        _breaks("indicator", 0, denominator=0),
        _breaks("indicator", 0, denominator=None),
        _breaks("indicator", 1, denominator=-1),
    ],
    "indicator.part_of_a_whole": [_breaks("indicator", 0, value=101), _breaks("indicator", 1, value=-1)],
    "indicator.sources_agree": [_breaks("indicator", 3, verdict="differs", compared_value=102)],
    "indicator_gap.says_what_is_missing": [
        _breaks("indicator_gap", 0, missing_de=None),
        _breaks("indicator_gap", 1, missing_en=" "),
    ],
    "territorial_series.figure_has_evidence": [_breaks("territorial_series", 0, evidence=None)],
    "territorial_series.gap_has_reason": [_breaks("territorial_series", 3, reason=None)],
    "territorial_series.whole_or_nothing": [_breaks("territorial_series", 0, missing_part_count=1)],
    "territorial_series.year_on_year": [
        _breaks("territorial_series", 0, value=99),
        _breaks("territorial_series", 2, value=98),
    ],
    "municipal_profile.year_on_year": [
        _breaks("municipal_profile", 0, population_persons=99),
        _breaks("municipal_profile", 2, population_persons=98),
    ],
} | {f"{mart}.has_rows": [{mart: []}] for mart in SOUND if mart not in MAY_BE_EMPTY}
# Without any row there is nothing from a source, and nothing that adds up to its ledger, either.
ALSO = {
    "cost_component.has_rows": {"cost_component.reconciles_with_ledger"},
    "eu2_population.has_rows": {"eu2_population.every_source_counted"},
}
WARNINGS = {
    "cost_per_person.year_on_year",
    "eu2_population.year_on_year",
    "migration_background.year_on_year",
    "municipal_profile.year_on_year",
    "cost_per_person.agrees_with_published",
    "cost_component.everything_mapped",
    "cost_component.share_counts_the_same_persons",
    "cost_per_person.mapping_complete",
    "cost_component.ledger_left_aside",
    "cost_extrapolation.agrees_with_published",
    "cost_extrapolation.has_rows",
    "programme_funding_year.has_rows",
    "published_claim.is_plausible",
    "programme_reach.reach_within_all",
    "programme_reach.has_rows",
    "programme_site.has_rows",
    "official_statistic.place_known",
    "official_statistic.agrees_with_azr_nrw",
    *(f"{mart}.{rule}" for mart in ("employment", "minimum_income") for rule in ("place_known", "nationality_known")),
    "minimum_income.rate_agrees_with_published",
    "official_statistic.code_in_hierarchy",
    "protection_status.node_is_its_parts",
    "naturalisation.rate_plausible",
    "naturalisation.measure_known",
    "early_education.share_recomputes",
    "indicator.part_of_a_whole",
    "indicator.sources_agree",
    "territorial_series.year_on_year",
}
NOTES = {"foreign_population.nationality_in_the_key", "population_reconciliation.within_rounding"}
SOURCES = frozenset(
    (
        "azr_nrw",
        "early_education",
        "eu2_series",
        "employment",
        "ba_nationality",
        "ldb_13111_54i",
        "ldb_22811_01i",
        "ldb_22811_05i",
        "ledger",
        "register",
        "esf_hessen",
        "funding",
        "genesis",
        "mikrozensus",
        "mikrozensus_microdata",
        "pupil_list",
        "structure_tables",
        "survey_result",
        "programme_measure",
        "programme_result",
        "integration_course",
        "funding_received",
        "toleration",
        "wegweiser",
    )
)


def severity_of(name: str) -> str:
    """The severity that an expectation must have."""
    return NOTE if name in NOTES else WARN if name in WARNINGS else HOLD


def mart_of(name: str) -> str:
    """The mart that an expectation is about: its name begins with it."""
    return name.partition(".")[0]


def prepare(settings: Settings) -> Build:
    """A build that reads a delivery of every source (the ledger's holds 10.50 EUR), beside sound candidates."""
    posting = {"region_code": "05913000", "fiscal_year": 2019, "amount_eur": 5.25}
    ledger = deliver_rows(
        settings, "ledger", "raw.ledger__posting", "05913000_2019", [posting] * 2, None, LEDGER_SHA256
    )
    # a delivery that the build does not read must not count
    deliver_rows(settings, "ledger", "raw.ledger__posting", "05913000_2018", [posting])
    others = [
        deliver_rows(settings, source, "raw.register__person", "2019", []) for source in sorted(SOURCES - {"ledger"})
    ]
    make_candidates(settings)
    put(settings, SOUND)
    return Build(begin_build(settings, [ledger, *others]), SOURCES)


def make_candidates(settings: Settings) -> None:
    """Empty tables in schema `build`, with the columns that the marts declare."""
    with database.connect(settings, database.BUILDER) as connection:
        for mart in definitions():
            columns = ", ".join(f"{name} {data_type}" for name, (data_type, _) in mart.columns.items())
            connection.execute(f"create table build.{mart.name} ({columns})")
        connection.execute(f"create table build.int_cost__ledger_choice ({_CHOICE_COLUMNS})")
        connection.execute(f"create table build.int_cost__component ({_COMPONENT_COLUMNS})")
        connection.execute(f"create table build.stg_azr_nrw__nationality ({_AZR_COLUMNS})")
        connection.execute(f"create table build.genesis_hierarchy ({_HIERARCHY_COLUMNS})")
        connection.execute(f"create table build.naturalisation_measure ({_MEASURE_COLUMNS})")


def put(settings: Settings, rows: Mapping[str, Rows]) -> None:
    """Replace what the named candidates hold."""
    with database.connect(settings, database.BUILDER) as connection:
        for mart, content in rows.items():
            connection.execute(f"truncate build.{mart}")
            insert(connection, f"build.{mart}", content)


def publish(settings: Settings, build_id: int, mart: str, rows: Rows) -> None:
    """Make a publication of this one mart, and put it in force."""
    with database.connect(settings) as connection:
        (content_id,) = connection.execute(
            "insert into published.content (mart, sha256, row_count) values (%s, %s, %s) returning content_id",
            [mart, secrets.token_hex(32), len(rows)],
        ).fetchone()
        insert(connection, f"published.{mart}", [{"content_id": content_id, **row} for row in rows])
        connection.execute(
            "with p as (insert into published.publication (build_id, code_version, fingerprint, is_protected)"
            " values (%s, '1', '1', true)"
            " returning publication_id), m as (insert into published.publication_mart"
            " select publication_id, %s, %s, '1', '{}' from p)"
            " update published.current_publication set publication_id = p.publication_id from p",
            [build_id, mart, content_id],
        )


def unpublish(settings: Settings) -> None:
    """Let no publication be in force."""
    with database.connect(settings) as connection:
        connection.execute("update published.current_publication set publication_id = null")


def broken(name: str) -> list[dict[str, Rows]]:
    """The candidates in which an expectation must fail."""
    return [{}] if name.endswith(".places_still_there") else BROKEN[name]


def with_gone(mart: str) -> Rows:
    """What was published: the sound rows and one of another place."""
    first = re.match(r"\w+", marts.places()[mart][1])[0]
    return [*SOUND[mart], {**SOUND[mart][0], first: "gone"}]


def judged(settings: Settings, mart: str, expectations: list[Expectation]) -> list[gate.Verdict]:
    """Verdicts of these expectations on a candidate."""
    batch = gate._Batch(mart, f"select * from build.{mart}", expectations, personal=False, has_lines=False)
    with database.connect(settings, database.BUILDER) as connection:
        (verdicts,) = gate._judge(connection, [batch])
    return verdicts
