-- grain: one row per method, attribution rule, municipality and year for which the group's count was delivered.
-- Numerator and denominator are of one day and one delivery; of several days in a year the last is taken.
with

methods as (

    select * from {{ ref('cost_method') }}

),

rules as (

    select * from {{ ref('attribution_rule') }}

),

quantities as (

    select * from {{ ref('stg_reference_quantity__quantity') }}

),

paired as (

    select
        methods.method,
        rules.attribution_rule,
        parts.region_code as municipality_ags,
        cast(extract(year from parts.reference_date) as integer) as fiscal_year,
        parts.reference_date,
        parts.counted as share_numerator,
        wholes.counted as share_denominator,
        {{ weakest_evidence(['parts.evidence', 'wholes.evidence']) }} as evidence,
        parts.source_sha256,
        row_number() over (
            partition by
                methods.method, rules.attribution_rule, parts.region_code, extract(year from parts.reference_date)
            order by parts.reference_date desc
        ) as date_rank
    from methods
    inner join rules
        on rules.kind = 'share'
            and methods.target_group = rules.numerator_group
    inner join quantities as parts
        on rules.quantity = parts.quantity
            and rules.numerator_group = parts.target_group
    left join quantities as wholes
        on rules.quantity = wholes.quantity
            and rules.denominator_group = wholes.target_group
            and parts.region_code = wholes.region_code
            and parts.reference_date = wholes.reference_date
            and parts.source_sha256 = wholes.source_sha256

),

final as (

    select
        method,
        attribution_rule,
        municipality_ags,
        fiscal_year,
        reference_date,
        share_numerator,
        share_denominator,
        case
            when share_denominator is null then 'share_input_missing'
            when share_denominator <= 0 then 'share_not_between_0_and_1'
            -- what is made of a count below the minimum is confidential (int_disclosure__cost_group), and no reason tells it
            when share_numerator >= {{ var('minimum_cell_persons') }} and share_numerator > share_denominator
                then 'share_not_between_0_and_1'
        end as reason,
        evidence,
        source_sha256
    from paired
    where date_rank = 1

)

select * from final
