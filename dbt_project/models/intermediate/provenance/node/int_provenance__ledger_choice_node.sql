-- grain: one row per delivered ledger, whether it counts or not, and node of its tree.
with

ledger_choices as (

    select * from {{ ref('ledger_choice') }}

),

chosen_lines as (

    select * from {{ ref('int_cost__ledger_choice') }}

),

choice_trees as (

    select
        'ledger_choice' as mart,
        {{ row_key([
            'ledger_choices.municipality_ags',
            'ledger_choices.fiscal_year',
            'ledger_choices.booked_year',
            'ledger_choices.source_sha256',
        ]) }} as row_key,
        'amount_eur' as figure,
        ledger_choices.municipality_ags as region_code,
        ledger_choices.fiscal_year as reference_year,
        cast(null as text) as method,
        ledger_choices.amount_eur,
        coalesce(ledger_choices.amount_reason, ledger_choices.reason) as reason,
        ledger_choices.evidence,
        ledger_choices.source,
        ledger_choices.source_sha256,
        chosen_lines.line_count,
        chosen_lines.first_line,
        chosen_lines.last_line,
        case
            when chosen_lines.last_line - chosen_lines.first_line + 1 = chosen_lines.line_count
                then {{ line_range('chosen_lines.first_line', 'chosen_lines.last_line') }}
        end as row_numbers
    from ledger_choices
    inner join chosen_lines
        on ledger_choices.municipality_ags = chosen_lines.municipality_ags
            and ledger_choices.fiscal_year = chosen_lines.fiscal_year
            and ledger_choices.booked_year = chosen_lines.booked_year
            and ledger_choices.source_sha256 = chosen_lines.source_sha256

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'sum'", "'amount_eur'", 'amount_eur', evidence='evidence', reason='reason') }}
    from choice_trees

    union all

    select
        {{ node("'1.1'", "'delivery_rows'", "'sum'", "'booked_amount_eur'", 'amount_eur', evidence='evidence',
            source='source', sha256='source_sha256', first_line='first_line', last_line='last_line',
            row_count='line_count', row_numbers='row_numbers') }}
    from choice_trees
    -- of what is confidential no lines
    where amount_eur is not null

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final
