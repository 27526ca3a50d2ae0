-- grain: one row per territory (place and day since when), basis of the shares, part, and span of days of the part's values.
-- A territory is led back change by change; a share of a year counts for the values from that day until the next share's.
with recursive

changes as (

    select * from {{ ref('territorial_change') }}

),

shares as (

    select
        from_code,
        to_code,
        valid_on,
        basis,
        share,
        case when row_number() over same_change = 1 then cast('-infinity' as date) else share_on end as share_from,
        coalesce(lead(share_on) over same_change, cast('infinity' as date)) as share_until
    from changes
    window same_change as (partition by from_code, to_code, valid_on, basis order by share_on)

),

parts as (

    select
        to_code as region_code,
        valid_on as territory_date,
        basis,
        from_code as part_code,
        share,
        share_from,
        share_until,
        valid_on as counted_until
    from shares

    union all

    -- what a part was made of itself, by the last change before
    select
        parts.region_code,
        parts.territory_date,
        parts.basis,
        shares.from_code as part_code,
        parts.share * shares.share as share,
        greatest(parts.share_from, shares.share_from) as share_from,
        least(parts.share_until, shares.share_until) as share_until,
        shares.valid_on as counted_until
    from parts
    inner join shares
        on parts.part_code = shares.to_code
            and parts.basis = shares.basis
            and shares.valid_on = (
                select max(changes.valid_on)
                from changes
                where changes.to_code = parts.part_code
                    and changes.basis = parts.basis
                    and changes.valid_on < parts.counted_until
            )

),

spans as (

    select
        region_code,
        territory_date,
        basis,
        part_code,
        share,
        greatest(
            share_from,
            coalesce(
                (
                    select max(changes.valid_on)
                    from changes
                    where changes.to_code = parts.part_code
                        and changes.basis = parts.basis
                        and changes.valid_on < parts.counted_until
                ),
                cast('-infinity' as date)
            )
        ) as counted_from,
        least(share_until, counted_until) as counted_until
    from parts

    union all

    -- the territory itself, until it changes again
    select distinct
        shares.to_code as region_code,
        shares.valid_on as territory_date,
        shares.basis,
        shares.to_code as part_code,
        cast(1 as numeric) as share,
        shares.valid_on as counted_from,
        coalesce(
            (
                select min(changes.valid_on)
                from changes
                where shares.to_code in (changes.from_code, changes.to_code)
                    and changes.valid_on > shares.valid_on
            ),
            cast('infinity' as date)
        ) as counted_until
    from shares

),

final as (

    select
        region_code,
        territory_date,
        basis,
        part_code,
        share,
        counted_from,
        counted_until
    from spans
    where counted_from < counted_until

)

select * from final
