"""The style of the models is checked by sqlfluff; here, that it does check."""

from lagebild.core.settings import DBT_PROJECT

GOOD = """with

postings as (

    select * from {{ delivered('ledger', 'posting') }}

),

final as (

    select
        region_code,
        amount_eur
    from postings

)

select * from final
"""


def violations(sql: str) -> set[str]:
    """Codes of the rules that a text breaks under the project's configuration, as if it were a model."""
    from sqlfluff.core import FluffConfig, Linter

    config = FluffConfig.from_path(str(DBT_PROJECT / "models"))
    return {violation.rule_code() for violation in Linter(config=config).lint_string(sql).violations}


def test_house_style_passes_and_its_breach_does_not() -> None:
    assert violations(GOOD) == set()
    assert "CP01" in violations(GOOD.replace("select *", "SELECT *"))
    assert "LT04" in violations(GOOD.replace("region_code,\n        amount_eur", "region_code\n        , amount_eur"))
    assert "LT02" in violations(GOOD.replace("        amount_eur", "   amount_eur"))
    assert "TMP" in violations(GOOD.replace("delivered(", "no_such_macro("))
