-- grain: one row per file, period (year or quarter), measure, group, stratum and sampling district.
-- Weighted sums of a district are all that an estimate and its error need; after this nothing knows a person.
-- A quarter is a sample of its own, with its own weights; its groups would be too small, so it has the total alone.
with

persons as (

    select * from {{ ref('stg_mikrozensus_microdata__person') }}

),

weighted as (

    select
        persons.*,
        periods.reference_period,
        periods.weight_kind,
        periods.weight,
        case
            when persons.age_years < 5 then 'ALT000B05'
            when persons.age_years < 15 then 'ALT005B15'
            when persons.age_years < 65 then 'ALT015B65'
            else 'ALT065UM'
        end as age_group,
        case when persons.migration_background = 'none' then 'without' else 'with' end as background_group
    from persons
    cross join
        lateral (
            values
            ('year', cast(persons.reference_year as text), persons.year_weight),
            ('quarter', persons.reference_year || '-Q' || persons.reference_quarter, persons.quarter_weight)
        ) as periods (weight_kind, reference_period, weight)

),

answers as (

    select
        weighted.held_by_ags,
        weighted.reference_year,
        weighted.reference_period,
        weighted.weight_kind,
        weighted.state_code,
        weighted.stratum,
        weighted.district_pseudonym,
        weighted.size_class,
        weighted.sex,
        weighted.age_group,
        weighted.background_group,
        weighted.weight,
        asked.measure,
        asked.is_yes
    from weighted
    cross join
        lateral (
            values
            ('migration_background_wider', true, weighted.migration_background <> 'none'),
            ('migration_background_narrow', true, weighted.migration_background = 'narrow'),
            (
                'background_inferred',
                weighted.migration_background <> 'none',
                weighted.background_basis = 'inferred'
            ),
            ('employed', weighted.age_years between 15 and 64, weighted.employment = 'employed'),
            (
                'unemployed',
                weighted.age_years between 15 and 74 and weighted.employment in ('employed', 'unemployed'),
                weighted.employment = 'unemployed'
            ),
            ('low_education', weighted.age_years between 25 and 64, weighted.education = 'low')
        ) as asked (measure, is_asked, is_yes)
    where asked.is_asked

),

grouped as (

    select
        held_by_ags,
        reference_year,
        reference_period,
        weight_kind,
        state_code,
        stratum,
        district_pseudonym,
        measure,
        coalesce(size_class, 'all') as size_class,
        coalesce(sex, 'all') as sex,
        coalesce(age_group, 'all') as age_group,
        coalesce(background_group, 'all') as background_group,
        sum(weight) as base_weight,
        coalesce(sum(weight) filter (where is_yes), 0) as yes_weight,
        count(*) as base_cases,
        count(*) filter (where is_yes) as yes_cases
    from answers
    group by
        held_by_ags, reference_year, reference_period, weight_kind, state_code, stratum, district_pseudonym, measure,
        grouping sets ((), (size_class), (sex), (age_group), (background_group))

),

final as (

    select
        held_by_ags,
        reference_year,
        reference_period,
        weight_kind,
        state_code,
        stratum,
        district_pseudonym,
        measure,
        size_class,
        sex,
        age_group,
        background_group,
        base_weight,
        yes_weight,
        base_cases,
        yes_cases
    from grouped
    where sex <> 'diverse'
        -- of a group that is defined by a background, the share with one says nothing
        and (background_group = 'all' or measure not like '%background%')
        and (weight_kind = 'year' or (size_class, sex, age_group, background_group) = ('all', 'all', 'all', 'all'))

)

select * from final
