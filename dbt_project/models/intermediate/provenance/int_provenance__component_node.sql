-- grain: one row per cost component and node of its tree; the root's path is 1.
-- The one place where an amount is led back to postings and counts: cost_component shows it, cost_per_person's tree holds it.
with

components as (

    select * from {{ ref('int_cost__component') }}

),

posting_lines as (

    select * from {{ ref('int_provenance__posting_lines') }}

),

quantities as (

    select * from {{ ref('stg_reference_quantity__quantity') }}

),

rules as (

    select * from {{ ref('attribution_rule') }}

),

confidential_groups as (

    select * from {{ ref('int_disclosure__cost_group') }}

),

keyed as (

    select
        'cost_component' as mart,
        {{ component_key('components') }} as row_key,
        'amount_eur' as figure,
        components.municipality_ags as region_code,
        components.fiscal_year as reference_year,
        components.method,
        components.treatment,
        confidential_groups.municipality_ags is not null as is_confidential,
        case when confidential_groups.municipality_ags is not null then 'confidential' else components.exclusion_reason end
            as reason,
        case when confidential_groups.municipality_ags is null then components.amount_eur end as amount_eur,
        components.booked_amount_eur,
        components.evidence,
        components.source_sha256,
        components.share_numerator,
        components.share_denominator,
        components.share_reference_date,
        components.share_sha256,
        components.share_sha256 is not null as is_shared,
        components.share_sha256 is not null and components.treatment <> 'attributed' as is_remainder,
        concat_ws(
            ', ',
            nullif(concat_ws(' ', components.product_code, components.product_name), ''),
            nullif(concat_ws(' ', components.account_code, components.account_name), '')
        ) as booked_on,
        posting_lines.source as ledger_source,
        posting_lines.first_line,
        posting_lines.last_line,
        posting_lines.row_count,
        posting_lines.row_numbers,
        rules.quantity,
        rules.numerator_group,
        rules.denominator_group,
        rules.label_de as rule_de,
        rules.label_en as rule_en
    from components
    left join posting_lines
        using (municipality_ags, fiscal_year, product_code, account_code, target_group, source_sha256)
    left join rules
        on components.attribution_rule = rules.attribution_rule
    left join confidential_groups
        on components.municipality_ags = confidential_groups.municipality_ags
            and components.fiscal_year = confidential_groups.fiscal_year

),

-- the path at which the shared amount, or all of what was booked, stands
shares as (

    select
        keyed.*,
        case when is_remainder then '1.2' else '1' end as share_path,
        case when is_remainder then booked_amount_eur - amount_eur else amount_eur end as shared_amount_eur
    from keyed
    where is_shared
        and not is_confidential

),

counts as (

    select
        shares.*,
        sides.side_number,
        sides.label,
        sides.counted,
        quantities.line_number
    from shares
    cross join
        lateral (
            values
            (2, 'share_numerator', shares.numerator_group, shares.share_numerator),
            (3, 'share_denominator', shares.denominator_group, shares.share_denominator)
        ) as sides (side_number, label, target_group, counted)
    left join quantities
        on shares.share_sha256 = quantities.source_sha256
            and shares.region_code = quantities.region_code
            and shares.share_reference_date = quantities.reference_date
            and shares.quantity = quantities.quantity
            and sides.target_group = quantities.target_group

),

nodes as (

    select
        {{ node(
            "'1'", "'figure'", "case when is_remainder then 'difference' when is_shared then 'share' else 'sum' end",
            "'amount_eur'", 'amount_eur', evidence='evidence', reason='reason',
            detail_de="concat_ws(', ', booked_on, rule_de)", detail_en="concat_ws(', ', booked_on, rule_en)"
        ) }}
    from keyed

    union all

    -- what was booked, unless it is confidential: beside the counts where it is shared, and before the share where it is a remainder
    select
        {{ node(
            "'1.1'", "'delivery_rows'", "'sum'", "'booked_amount_eur'", 'booked_amount_eur', evidence='evidence',
            source='ledger_source', sha256='source_sha256', first_line='first_line', last_line='last_line',
            row_count='row_count', row_numbers='row_numbers', detail_de='booked_on', detail_en='booked_on'
        ) }}
    from keyed
    where not is_confidential

    union all

    select
        {{ node("'1.2'", "'component'", "'share'", "'shared_amount_eur'", 'shared_amount_eur', evidence='evidence',
            detail_de='rule_de', detail_en='rule_en') }}
    from shares
    where is_remainder

    union all

    select
        {{ node(
            "'1.2.1'", "'delivery_rows'", "'sum'", "'booked_amount_eur'", 'booked_amount_eur', evidence='evidence',
            source='ledger_source', sha256='source_sha256', first_line='first_line', last_line='last_line',
            row_count='row_count', row_numbers='row_numbers', detail_de='booked_on', detail_en='booked_on'
        ) }}
    from shares
    where is_remainder

    union all

    select
        {{ node(
            "share_path || '.' || side_number", "'delivery_rows'", "'read'", 'label', 'counted', evidence='evidence',
            source="'reference_quantity'", sha256='share_sha256', first_line='line_number', last_line='line_number',
            row_count='1', row_numbers='cast(line_number as text)'
        ) }}
    from counts

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final
