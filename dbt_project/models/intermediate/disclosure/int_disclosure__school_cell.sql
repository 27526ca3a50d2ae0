-- grain: one row per municipality, day, age, group and count (all children, those on a list, those on none).
-- The last model that knows an exact count: the parts go together, and with their whole, as those of a register do.
with

children as (

    select
        counts.*,
        evidence_classes.evidence_class_rank
    from {{ ref('stg_pupil_list__count') }} as counts
    inner join {{ ref('evidence_class') }} as evidence_classes
        on counts.evidence = evidence_classes.evidence_class
    where counts.status in ('matched', 'not_matched')

),

counted as (

    select
        region_code,
        counted_on,
        age_years,
        nationality_group,
        min(stated_on) as register_on,
        sum(children_persons) as children_persons,
        coalesce(sum(children_persons) filter (where status = 'matched'), 0) as on_list_persons,
        coalesce(sum(children_persons) filter (where status = 'not_matched'), 0) as not_on_list_persons,
        max(evidence_class_rank) as evidence_rank,
        min(source_sha256) as source_sha256
    from children
    group by region_code, counted_on, age_years, nationality_group

),

classed as (

    select
        counted.*,
        {{ count_class('children_persons') }} as children_class_persons,
        {{ count_class('on_list_persons') }} as on_list_class_persons,
        {{ count_class('not_on_list_persons') }} as not_on_list_class_persons
    from counted

),

cells as (

    select
        classed.*,
        groups.cell_group,
        groups.exact_persons,
        groups.class_persons,
        -- a whole is the sum of its parts: whichever is hidden, the other one would give it away
        groups.cell_group = 'children'
        or {{ is_split_shown('on_list_class_persons', 'not_on_list_class_persons', 'children_class_persons') }}
            as is_split_shown
    from classed
    cross join
        lateral (
            values
            ('children', children_persons, children_class_persons),
            ('on_list', on_list_persons, on_list_class_persons),
            ('not_on_list', not_on_list_persons, not_on_list_class_persons)
        ) as groups (cell_group, exact_persons, class_persons)

),

final as (

    select
        cells.region_code,
        cells.counted_on,
        cells.age_years,
        cells.nationality_group,
        cells.cell_group,
        cells.register_on,
        cast(cells.exact_persons as bigint) as exact_persons,
        case
            when cells.class_persons is null then 'minimum'
            when not cells.is_split_shown then 'split'
        end as rule,
        case when cells.is_split_shown then cells.class_persons end as shown_persons,
        evidence_classes.evidence_class as evidence,
        cells.source_sha256
    from cells
    inner join {{ ref('evidence_class') }} as evidence_classes
        on cells.evidence_rank = evidence_classes.evidence_class_rank

)

select * from final
