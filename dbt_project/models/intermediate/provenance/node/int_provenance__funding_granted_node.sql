-- grain: one row per row of funding_granted, figure and node of its tree: lines of a list, of which each gets its own share.
with

-- which lines of a file a shown cell holds tells of the lines of hidden ones: said only where nothing of a list is hidden
granteds as (

    select
        granted.*,
        bool_and(granted.operations is not null) over (partition by granted.source_sha256) as is_list_shown
    from {{ ref('funding_granted') }} as granted

),

grants as (

    select * from {{ ref('int_funding__grant') }}

),

granted_rows as (

    select
        'funding_granted' as mart,
        {{ row_key(['granteds.source_sha256', 'granteds.funder', 'granteds.region_code', 'granteds.begin_year']) }} as row_key,
        granteds.region_code,
        case when granteds.begin_year ~ '^[0-9]+$' then cast(granteds.begin_year as integer) end as reference_year,
        cast(null as text) as method,
        granteds.funding_level,
        granteds.total_cost_eur,
        granteds.granted_eur,
        granteds.granted_pct,
        granteds.evidence,
        granteds.source,
        granteds.source_sha256,
        granteds.operations,
        case when granteds.is_list_shown then grants.first_line end as first_line,
        case when granteds.is_list_shown then grants.last_line end as last_line,
        case when granteds.is_list_shown then grants.row_numbers end as row_numbers
    from granteds
    inner join grants
        on granteds.source_sha256 = grants.source_sha256
            and granteds.funder = grants.funder
            and granteds.region_code = grants.region_code
            and granteds.begin_year = grants.begin_year

),

-- of what is not shown there is no tree
granted_trees as (

    select
        granted_rows.*,
        sums.figure,
        sums.label,
        sums.value
    from granted_rows
    cross join
        lateral (
            values
            ('total_cost_eur', 'eligible_cost_eur', total_cost_eur),
            ('granted_eur', case funding_level when 'EU' then 'union_share_eur' else 'federal_amount_eur' end, granted_eur)
        ) as sums (figure, label, value)
    where sums.value is not null

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'sum'", 'figure', 'value', evidence='evidence') }}
    from granted_trees

    union all

    select
        {{ node("'1.1'", "'delivery_rows'", "'sum'", 'label', 'value', evidence='evidence', source='source',
            sha256='source_sha256', first_line='first_line', last_line='last_line', row_count='operations',
            row_numbers='row_numbers') }}
    from granted_trees

    union all

    {{ computed_nodes('funding_granted', 'granted_rows') }}

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final
