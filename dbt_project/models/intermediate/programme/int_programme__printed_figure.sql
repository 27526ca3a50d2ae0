-- grain: one row per figure of the source documents, claim of them, and official figure that claims are held against.
with

source_figures as (

    select * from {{ ref('source_figure') }}

),

printed_claims as (

    select * from {{ ref('printed_claim') }}

),

official_figures as (

    select * from {{ ref('official_figure') }}

),

final as (

    select
        figure_id,
        indicator,
        place,
        as_of,
        precision,
        value,
        lower_end,
        upper_end,
        unit,
        source_document,
        cast(null as text) as passage
    from source_figures

    union all

    select
        figure_id,
        indicator,
        place,
        as_of,
        precision,
        value,
        lower_end,
        upper_end,
        unit,
        source_document,
        passage
    from printed_claims

    union all

    select
        figure_id,
        indicator,
        region_code as place,
        period as as_of,
        cast(null as text) as precision,
        value,
        lower_end,
        upper_end,
        unit,
        source_document,
        table_code as passage
    from official_figures

)

select * from final
