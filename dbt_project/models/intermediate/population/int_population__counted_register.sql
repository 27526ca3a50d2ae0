-- grain: one row per municipality and reference date of a delivered population register.
-- Counts persons who on that date reside there with their main residence; not masked. No two deliveries hold one
-- registration of a day: what they count adds up.
with

counts as (

    select * from {{ ref('int_population__delivery_count') }}

),

summed as (

    select
        region_code,
        reference_date,
        cast(sum(bulgaria_persons) as bigint) as bulgaria_persons,
        cast(sum(romania_persons) as bigint) as romania_persons,
        cast(sum(eu2_persons) as bigint) as eu2_persons,
        max(evidence_rank) as evidence_rank
    from counts
    group by region_code, reference_date

),

final as (

    select
        region_code,
        reference_date,
        bulgaria_persons,
        romania_persons,
        eu2_persons,
        {{ evidence_of_rank('summed.evidence_rank') }} as evidence
    from summed

)

select * from final
