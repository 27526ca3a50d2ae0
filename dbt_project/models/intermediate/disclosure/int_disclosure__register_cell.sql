-- grain: one row per municipality, reference date and group (BG, RO or EU2) of a delivered population register.
-- The one place where a count of a register becomes what readers see: after it nothing knows the exact count.
with

counted as (

    select * from {{ ref('int_population__counted_register') }}

),

control_totals as (

    select * from {{ ref('control_total') }}
    where source = 'register'
        and measure = 'eu2_persons'

),

classed as (

    select
        counted.*,
        {{ count_class('counted.bulgaria_persons') }} as bulgaria_class_persons,
        {{ count_class('counted.romania_persons') }} as romania_class_persons,
        {{ count_class('counted.eu2_persons') }} as eu2_class_persons,
        control_totals.value as control_persons,
        control_totals.evidence as control_evidence,
        {{ count_class('control_totals.value') }} as control_class_persons
    from counted
    left join control_totals
        on counted.region_code = control_totals.region_code
            and counted.reference_date = make_date(control_totals.reference_year, 12, 31)

),

cells as (

    select
        classed.region_code,
        classed.reference_date,
        groups.cell_group,
        groups.exact_persons,
        groups.class_persons,
        -- the parts go together, and with their whole
        groups.cell_group = 'EU2'
        or {{ is_split_shown(
            'classed.bulgaria_class_persons', 'classed.romania_class_persons', 'classed.eu2_class_persons'
        ) }} as is_split_shown,
        case when groups.cell_group = 'EU2' then classed.control_class_persons end as control_class_persons,
        classed.control_persons,
        classed.control_evidence,
        classed.evidence as rows_evidence
    from classed
    cross join
        lateral (
            values
            ('BG', classed.bulgaria_persons, classed.bulgaria_class_persons),
            ('RO', classed.romania_persons, classed.romania_class_persons),
            ('EU2', classed.eu2_persons, classed.eu2_class_persons)
        ) as groups (cell_group, exact_persons, class_persons)

),

final as (

    select
        region_code,
        reference_date,
        cell_group,
        exact_persons,
        case
            when class_persons is null then 'minimum'
            when not is_split_shown then 'split'
        end as rule,
        case
            when not is_split_shown then null
            -- what the municipality published itself is shown as it published it, where it is of the same class
            when class_persons = control_class_persons and control_evidence = 'published' then cast(control_persons as bigint)
            else class_persons
        end as shown_persons,
        {{ class_low('class_persons') }} as class_low_persons,
        {{ class_high('class_persons') }} as class_high_persons,
        case
            when class_persons = control_class_persons and control_evidence = 'published' then control_evidence
            else {{ evidence_of_sum('rows_evidence', 'class_persons', 'control_class_persons', 'control_evidence') }}
        end as evidence
    from cells

)

select * from final
