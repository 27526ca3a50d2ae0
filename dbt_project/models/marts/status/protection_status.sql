-- grain: one row per table, place, date, status, sex and nationality.
-- Statuses are a tree, whose nodes the office prints side by side: a person stands at a node and at each one above it, so
-- that a sum over all rows counts persons several times. What the office does not print is unknown.
with

published_values as (

    select * from {{ ref('official_statistic') }}

),

statuses as (

    select * from {{ ref('genesis_hierarchy') }}
    where variable_code = 'SCHST2'

),

nationalities as (

    select * from {{ ref('nationality') }}

),

counts as (

    select
        published_values.*,
        {{ genesis_attribute('classification_codes', 'SCHST[0-9A-Z]*') }} as status_code,
        {{ genesis_attribute('classification_codes', 'GES') }} as sex_code,
        {{ genesis_attribute('classification_codes', 'STAAG[0-9A-Z]*') }} as nationality_code,
        {{ rounded_low('value', 'rounded_to') }} as persons_low,
        value + rounded_to / 2 as persons_high
    from published_values
    where statistics_code = '12531'
        and measure_code = 'BEV030'
        and reference_date is not null
        and {{ genesis_is_by('classification_codes', 'SCHST[0-9A-Z]*|GES|STAAG[0-9A-Z]*') }}

),

parts as (

    -- a node that is not printed is missing here, too: only where all are there is there a sum
    select
        counts.table_code,
        counts.source_region_code,
        counts.reference_date,
        counts.status_code,
        counts.sex_code,
        counts.nationality_code,
        count(*) as parts_in_tree,
        count(child.value) as parts_printed,
        sum(child.value) as parts_persons,
        sum(coalesce(child.persons_low, child.value)) as parts_low,
        sum(coalesce(child.persons_high, child.value)) as parts_high
    from counts
    inner join statuses as part
        on counts.status_code = coalesce(part.parent_code, '')
            and not part.is_total
    left join counts as child
        on counts.table_code = child.table_code
            and counts.source_region_code = child.source_region_code
            and counts.reference_date = child.reference_date
            and counts.sex_code = child.sex_code
            and counts.nationality_code = child.nationality_code
            and part.code = child.status_code
    group by
        counts.table_code,
        counts.source_region_code,
        counts.reference_date,
        counts.status_code,
        counts.sex_code,
        counts.nationality_code

),

compared as (

    select
        counts.*,
        parts.parts_in_tree,
        parts.parts_printed,
        case
            when parts.parts_in_tree is not null
                then counts.value is not null and parts.parts_printed = parts.parts_in_tree
        end as is_compared,
        parts.parts_persons,
        coalesce(counts.persons_low, counts.value) - parts.parts_high as difference_low,
        coalesce(counts.persons_high, counts.value) - parts.parts_low as difference_high
    from counts
    left join parts
        on counts.table_code = parts.table_code
            and counts.source_region_code = parts.source_region_code
            and counts.reference_date = parts.reference_date
            and counts.status_code = parts.status_code
            and counts.sex_code = parts.sex_code
            and counts.nationality_code = parts.nationality_code

),

final as (

    select
        compared.region_code,
        compared.region_name,
        compared.region_level,
        compared.source_region_code,
        compared.reference_date,
        coalesce(nullif(compared.status_code, ''), 'ALL') as status,
        case when compared.status_code = '' then 'Schutzsuchende insgesamt'
            else coalesce(
                    statuses.label_de, {{ genesis_name('compared.classification', 'Schutzstatus[^:;]*') }}, compared.status_code
                )
        end as status_name_de,
        case when compared.status_code = '' then 'All seekers of protection'
            else coalesce(statuses.label_en, compared.status_code)
        end as status_name_en,
        case when statuses.code is not null then coalesce(statuses.parent_code, 'ALL') end as status_parent,
        case
            when compared.status_code = '' then 0
            when statuses.code is not null
                then 1 + num_nonnulls(statuses.parent_code, above.parent_code)
        end as status_level,
        {{ genesis_sex('compared.sex_code') }} as sex,
        {{ genesis_nationality('compared.nationality_code') }} as nationality,
        case when compared.nationality_code = '' then 'insgesamt'
            else coalesce(
                    nationalities.nationality_name,
                    {{ genesis_name('compared.classification', 'Staatsangehörigkeit[^:;]*') }},
                    compared.nationality_code
                )
        end as nationality_name,
        {{ genesis_nationality_kind(genesis_nationality('compared.nationality_code')) }} as nationality_kind,
        cast(compared.value as bigint) as persons,
        cast(compared.persons_low as bigint) as persons_low,
        cast(compared.persons_high as bigint) as persons_high,
        compared.value_sign,
        case when compared.value is null then 'sign_instead_of_value' end as reason,
        cast(compared.parts_in_tree as integer) as parts_in_tree,
        cast(compared.parts_printed as integer) as parts_printed,
        cast(case when compared.is_compared then compared.parts_persons end as bigint) as parts_persons,
        cast(case when compared.is_compared then compared.value - compared.parts_persons end as bigint)
            as tree_difference_persons,
        cast(case when compared.is_compared then compared.difference_low end as bigint) as tree_difference_low,
        cast(case when compared.is_compared then compared.difference_high end as bigint) as tree_difference_high,
        case
            when not compared.is_compared then 'not_comparable'
            when compared.value = compared.parts_persons then 'agrees'
            when compared.difference_low <= 0 and compared.difference_high >= 0 then 'rounding'
            when compared.is_compared then 'differs'
        end as tree_verdict,
        case
            when compared.status_code <> '' and statuses.code is null then 'status_not_in_tree'
            when not compared.is_compared then 'node_not_printed'
        end as tree_reason,
        compared.note_de,
        compared.note_en,
        compared.evidence,
        'genesis' as source,
        compared.table_code,
        compared.source_file_name,
        compared.source_sha256,
        compared.line_number,
        case
            when compared.is_compared then {{ weakest_evidence(["'derived'", 'compared.evidence']) }}
        end as computed_evidence
    from compared
    left join statuses
        on compared.status_code = statuses.code
    left join statuses as above
        on statuses.parent_code = above.code
    left join nationalities
        on right(compared.nationality_code, 3) = nationalities.nationality_code
            and compared.nationality_code ~ '^ST[0-9]{3}$'

)

select * from final
