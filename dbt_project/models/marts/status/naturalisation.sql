-- grain: one row per table, place, year, former nationality and sex.
-- A flow of a year over a stock of its end, over the mean of both ends, and over the potential: three rates of their own.
with

published_values as (

    select * from {{ ref('official_statistic') }}

),

measures as (

    select * from {{ ref('naturalisation_measure') }}

),

laws as (

    select * from {{ ref('naturalisation_law') }}

),

nationalities as (

    select * from {{ ref('nationality') }}

),

counts as (

    -- where two tables print one stock, the first by its code counts
    select distinct on (counted.measure, counted.table_or_stock, counted.cell)
        counted.*,
        {{ genesis_attribute('counted.classification_codes', 'GES') }} as sex_code,
        {{ genesis_attribute('counted.classification_codes', 'STAAG[0-9A-Z]*') }} as nationality_code
    from (
        select
            published_values.*,
            measures.measure,
            case when measures.measure = 'foreign_persons' then '' else published_values.table_code end as table_or_stock,
            {{ row_key([
                'published_values.source_region_code',
                'published_values.reference_year',
                genesis_attribute('published_values.classification_codes', 'GES'),
                genesis_attribute('published_values.classification_codes', 'STAAG[0-9A-Z]*'),
            ]) }} as cell
        from published_values
        inner join measures
            on published_values.statistics_code = measures.statistics_code
                and published_values.measure_label = measures.measure_label
        where {{ genesis_is_by('published_values.classification_codes', 'GES|STAAG[0-9A-Z]*') }}
            -- a stock is that of the year's end
            and (measures.measure <> 'foreign_persons' or published_values.time_text like '%-12-31')
    ) as counted
    order by counted.measure, counted.table_or_stock, counted.cell, counted.value is null, counted.table_code

),

joined as (

    select
        naturalised.*,
        naturalised.reference_year - 1 as year_before,
        before.value as value_before,
        year_end.value as year_end_persons,
        year_end.source_sha256 as year_end_sha256,
        year_end.line_number as year_end_line,
        previous_end.value as previous_end_persons,
        previous_end.source_sha256 as previous_end_sha256,
        previous_end.line_number as previous_end_line,
        {{ weakest_evidence(['year_end.evidence', 'previous_end.evidence']) }} as foreigners_evidence,
        potential.value as potential_persons,
        potential.source_sha256 as potential_sha256,
        potential.line_number as potential_line,
        law.residence_years,
        -- a law of the first day of the year before holds in both years
        (
            select count(*) > 0 from laws
            where laws.in_force_from > make_date(naturalised.reference_year - 1, 1, 1)
                and laws.in_force_from <= make_date(naturalised.reference_year, 12, 31)
        ) as is_across_laws
    from counts as naturalised
    left join counts as before
        on naturalised.table_code = before.table_code
            and before.measure = 'naturalised_persons'
            and naturalised.source_region_code = before.source_region_code
            and naturalised.reference_year = before.reference_year + 1
            and naturalised.sex_code = before.sex_code
            and naturalised.nationality_code = before.nationality_code
    left join counts as year_end
        on year_end.measure = 'foreign_persons'
            and naturalised.cell = year_end.cell
    left join counts as previous_end
        on previous_end.measure = 'foreign_persons'
            and naturalised.source_region_code = previous_end.source_region_code
            and naturalised.reference_year = previous_end.reference_year + 1
            and naturalised.sex_code = previous_end.sex_code
            and naturalised.nationality_code = previous_end.nationality_code
    left join counts as potential
        on potential.measure = 'potential_persons'
            and naturalised.table_code = potential.table_code
            and naturalised.cell = potential.cell
    left join lateral (
        select laws.residence_years
        from laws
        where laws.in_force_from <= make_date(naturalised.reference_year, 12, 31)
        order by laws.in_force_from desc
        limit 1
    ) as law on true
    where naturalised.measure = 'naturalised_persons'

),

final as (

    select
        joined.region_code,
        joined.region_name,
        joined.region_level,
        joined.source_region_code,
        joined.reference_year,
        {{ genesis_nationality('joined.nationality_code') }} as nationality,
        case when joined.nationality_code = '' then 'insgesamt'
            else coalesce(
                    nationalities.nationality_name,
                    {{ genesis_name('joined.classification', 'Staatsangehörigkeit[^:;]*') }},
                    joined.nationality_code
                )
        end as nationality_name,
        {{ genesis_nationality_kind(genesis_nationality('joined.nationality_code')) }} as nationality_kind,
        {{ genesis_sex('joined.sex_code') }} as sex,
        cast(joined.value as bigint) as naturalised_persons,
        cast({{ rounded_low('joined.value', 'joined.rounded_to') }} as bigint) as persons_low,
        cast(joined.value + joined.rounded_to / 2 as bigint) as persons_high,
        joined.value_sign,
        case when joined.value is null then 'sign_instead_of_value' end as reason,
        cast(joined.year_end_persons as bigint) as foreign_persons_year_end,
        cast(joined.previous_end_persons as bigint) as foreign_persons_previous_year_end,
        cast((joined.year_end_persons + joined.previous_end_persons) / 2 as numeric(14, 1)) as foreign_persons_mean,
        cast(round({{ percentage('joined.value', 'joined.year_end_persons') }}, 2) as numeric(9, 2))
            as per_100_foreigners_year_end,
        {{ rate_reason('joined.value', 'joined.year_end_persons', 'foreigners_not_delivered') }} as year_end_reason,
        cast(
            round({{ percentage('joined.value', '(joined.year_end_persons + joined.previous_end_persons)') }} * 2, 2)
            as numeric(9, 2)
        ) as per_100_foreigners_mean,
        {{ rate_reason(
            'joined.value', '(joined.year_end_persons + joined.previous_end_persons)', 'foreigners_not_delivered'
        ) }} as mean_reason,
        cast(joined.potential_persons as bigint) as potential_persons,
        cast(round({{ percentage('joined.value', 'joined.potential_persons') }}, 2) as numeric(9, 2)) as per_100_potential,
        {{ rate_reason('joined.value', 'joined.potential_persons', 'potential_not_delivered') }} as potential_reason,
        joined.residence_years as required_residence_years,
        joined.year_before as previous_year,
        cast(joined.value_before as bigint) as previous_naturalised_persons,
        cast(joined.value - joined.value_before as bigint) as change_persons,
        case
            when joined.value is null then 'sign_instead_of_value'
            when joined.value_before is null then 'year_before_not_delivered'
            when joined.is_across_laws then 'law_changed_between'
        end as change_reason,
        joined.is_across_laws,
        joined.evidence,
        joined.foreigners_evidence,
        {{ weakest_evidence(['joined.evidence', 'joined.foreigners_evidence', "'derived'"]) }} as rate_evidence,
        'genesis' as source,
        joined.table_code,
        joined.source_sha256 as naturalised_sha256,
        joined.line_number as naturalised_line,
        joined.year_end_sha256,
        joined.year_end_line,
        joined.previous_end_sha256,
        joined.previous_end_line,
        joined.potential_sha256,
        joined.potential_line
    from joined
    left join nationalities
        on right(joined.nationality_code, 3) = nationalities.nationality_code
            and joined.nationality_code ~ '^ST[0-9]{3}$'

)

select * from final
