-- grain: one row per survey, region, year, group asked and item: an answer as a document prints it.
with

answers as (

    select * from {{ ref('stg_survey_result__answer') }}

),

precisions as (

    select * from {{ ref('print_precision') }}

),

regions as (

    select * from {{ ref('int_region__named') }}

),

final as (

    select
        answers.region_code,
        regions.region_name,
        {{ region_level('answers.region_code') }} as region_level,
        answers.region_code as source_region_code,
        answers.reference_year,
        answers.survey,
        answers.survey_name,
        answers.period_printed,
        answers.respondents,
        answers.respondent_kind,
        answers.question,
        answers.item,
        answers.item_name,
        answers.answer,
        answers.share_pct,
        trim_scale({{ lower_end('answers.share_pct', 'precisions') }}) as share_low_pct,
        trim_scale({{ upper_end('answers.share_pct', 'precisions') }}) as share_high_pct,
        answers.value_printed,
        answers.base_printed,
        answers.cases,
        cast(null as text) as value_sign,
        case when answers.share_pct is null then 'not_printed' end as reason,
        answers.evidence,
        'survey_result' as source,
        cast(null as text) as table_code,
        answers.cited_document,
        answers.source_document,
        answers.passage,
        answers.remark,
        answers.line_number,
        answers.source_sha256,
        answers.source_file_name
    from answers
    left join precisions
        on answers.qualifier = precisions.qualifier
    left join regions
        on answers.region_code = regions.region_code

)

select * from final
