-- grain: one row per indicator (set, code, version of the definition, category, group, sex), place, time and source.
-- Computed from cells of official statistics as the seed indicator_definition says, beside what others publish as
-- indicators; where two say the same thing of one place and year, the computed row holds both, and neither is overwritten.
with

definitions as (

    select * from {{ ref('indicator_definition') }}

),

statistics as (

    select * from {{ ref('official_statistic') }}

),

printed as (

    select * from {{ ref('stg_wegweiser__indicator') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

cells as (

    {{ indicator_cells('statistics') }}

),

operands as (

    {{ indicator_operands('cells') }}

),

pairs as (

    {{ indicator_pairs('operands', 'definitions') }}

),

judged as (

    select
        pairs.*,
        case
            when has_undelivered_cell then 'cell_not_delivered'
            when value is null then 'cell_not_published'
            when formula = 'count' then null
            when denominator_table is null then 'denominator_not_delivered'
            when denominator is null then 'denominator_not_published'
            when days_apart > days_apart_max then 'dates_differ'
            when denominator - denominator_half_width <= 0 then 'denominator_not_positive'
        end as reason,
        -- a cell as it was published is no result of ours
        case
            when formula = 'count' and cell_count = 1 then {{ evidence_of_rank('evidence_rank') }}
            else {{ weakest_evidence(["'derived'", evidence_of_rank('greatest(evidence_rank, denominator_evidence_rank)')]) }}
        end as value_evidence
    from pairs

),

computed as (

    select
        judged.*,
        half_width + coalesce(denominator_half_width, 0) > 0 as is_rounded,
        {{ indicator_result('value', 'denominator') }} as result,
        {{ indicator_result('value - half_width', '(denominator + denominator_half_width)') }} as result_low,
        {{ indicator_result('value + half_width', '(denominator - denominator_half_width)') }} as result_high
    from judged

),

compared as (

    select
        computed.*,
        printed.value as printed_value,
        {{ weakest_evidence(['computed.value_evidence', 'printed.evidence']) }} as verdict_evidence,
        power(cast(10 as numeric), -scale(trim_scale(printed.value))) / 2 as printed_half_width
    from computed
    left join printed
        on computed.compared_with = printed.indicator_code
            and computed.reference_year = printed.reference_year
            and printed.region_code in (computed.region_code, computed.region_code || '000')
            and computed.sex = 'all'
            and computed.result is not null

),

united as (

    select
        {{ definition_key() | join(', ') }},
        sex,
        region_code,
        region_name,
        source_region_code,
        time_text,
        reference_date,
        reference_year,
        label_de,
        label_en,
        group_de,
        group_en,
        formula,
        unit,
        result as value,
        case when is_rounded then result_low end as value_low,
        case when is_rounded then result_high end as value_high,
        value as numerator,
        case when formula <> 'count' then denominator end as denominator,
        table_code as numerator_table,
        denominator_table,
        denominator_time,
        value_sign,
        reason,
        case when printed_value is not null then 'wegweiser' end as compared_source,
        printed_value as compared_value,
        result - printed_value as difference,
        case
            when printed_value is not null
                then {{ verdict('result_low', 'result_high', 'printed_value', 'printed_half_width', 'verdict_evidence') }}
        end as verdict,
        source_document,
        'genesis' as source,
        case when reason is null then value_evidence end as evidence,
        cast(null as text) as file_sha256,
        cast(null as bigint) as file_line
    from compared

    union all

    {{ printed_indicators('printed') }}

),

final as (

    select
        united.indicator_set,
        united.indicator_code,
        united.definition_version,
        united.category,
        united.population_group,
        united.sex,
        united.region_code,
        coalesce(regions.region_name, united.region_name) as region_name,
        {{ region_level('united.region_code') }} as region_level,
        united.source_region_code,
        united.time_text,
        united.reference_date,
        united.reference_year,
        united.label_de,
        united.label_en,
        united.group_de,
        united.group_en,
        united.formula,
        united.value,
        united.value_low,
        united.value_high,
        united.unit,
        united.numerator,
        united.denominator,
        united.numerator_table,
        united.denominator_table,
        united.denominator_time,
        united.value_sign,
        united.reason,
        united.compared_source,
        united.compared_value,
        united.difference,
        united.verdict,
        united.source_document,
        united.source,
        united.evidence,
        united.file_sha256,
        united.file_line
    from united
    left join regions
        on united.region_code = regions.region_code

)

select * from final
