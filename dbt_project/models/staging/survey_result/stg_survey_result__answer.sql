-- grain: one row per survey, region, year, group asked and item.
with

delivered as (

    select * from {{ delivered('survey_result', 'answer') }}

),

final as (

    select
        survey,
        survey_name,
        region_code,
        reference_year,
        period_printed,
        respondents,
        respondent_kind,
        base_printed,
        cases,
        question,
        item,
        item_name,
        answer,
        value_printed,
        share_pct,
        qualifier,
        cited_document,
        source_document,
        passage,
        remark,
        evidence,
        line_number,
        source_sha256,
        source_file_name
    from {{ latest_period('delivered', ['survey', 'region_code', 'reference_year', 'respondents', 'item']) }}

)

select * from final
