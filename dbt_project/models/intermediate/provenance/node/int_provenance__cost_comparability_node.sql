-- grain: one row per pair of figures, dimension, figure (a dimension is the same, all of them are) and node of its tree.
-- A dimension is the same where both circumstances are known and alike (1), the figures are comparable where every dimension is.
with

comparabilities as (

    select * from {{ ref('cost_comparability') }}

),

circumstances as (

    select * from {{ ref('municipal_circumstance') }}

),

compared_dimensions as (

    select
        'cost_comparability' as mart,
        {{ row_key([
            'left_municipality_ags',
            'left_year',
            'left_method',
            'right_municipality_ags',
            'right_year',
            'right_method',
            'dimension',
        ]) }} as row_key,
        'is_same' as figure,
        {{ row_key([
            'left_municipality_ags', 'left_year', 'left_method', 'right_municipality_ags', 'right_year', 'right_method'
        ]) }} as pair_key,
        left_municipality_ags as region_code,
        left_year as reference_year,
        left_method as method,
        compared.*,
        case when is_same then 1 else 0 end as same,
        row_number() over (
            partition by
                left_municipality_ags, left_year, left_method, right_municipality_ags, right_year, right_method
            order by dimension
        ) as dimension_number
    from comparabilities as compared

),

compared_sides as (

    select
        compared.mart,
        compared.row_key,
        compared.figure,
        compared.region_code,
        compared.reference_year,
        compared.method,
        sides.path,
        sides.label,
        sides.value,
        concat_ws(
            ', ',
            {{ row_key(['sides.municipality_ags', 'sides.reference_year', 'sides.method']) }},
            sides.value,
            stated.source_document
        ) as detail
    from compared_dimensions as compared
    cross join
        lateral (
            values
            ('1.1', 'left_is_known', left_municipality_ags, left_year, left_method, left_value),
            ('1.2', 'right_is_known', right_municipality_ags, right_year, right_method, right_value)
        ) as sides (path, label, municipality_ags, reference_year, method, value)
    left join circumstances as stated
        on sides.municipality_ags = stated.municipality_ags
            and compared.dimension = stated.dimension
            and sides.reference_year between stated.valid_from_year and stated.valid_to_year

),

-- of the pair once, at its first dimension: every dimension is the same
pairs as (

    select
        mart,
        row_key,
        'is_comparable' as figure,
        region_code,
        reference_year,
        method,
        is_comparable
    from compared_dimensions
    where dimension_number = 1

),

parts_of_pairs as (

    select
        pairs.mart,
        pairs.row_key,
        'is_comparable' as figure,
        pairs.region_code,
        pairs.reference_year,
        pairs.method,
        dimensions.row_key as dimension_key,
        dimensions.dimension,
        dimensions.dimension_number,
        dimensions.same
    from compared_dimensions as pairs
    inner join compared_dimensions as dimensions
        on pairs.pair_key = dimensions.pair_key
            and pairs.dimension_number = 1

),

nodes as (

    select
        {{ node("'1'", "'figure'", "'product'", "'is_same'", 'same', reason='reason', detail_de='dimension',
            detail_en='dimension') }}
    from compared_dimensions

    union all

    select
        {{ node('path', "'parameter'", "'given'", 'label', 'case when value is null then 0 else 1 end',
            detail_de='detail', detail_en='detail') }}
    from compared_sides

    union all

    select
        {{ node("'1.3'", "'parameter'", "'given'", "'values_are_alike'", 'same') }}
    from compared_dimensions
    where left_value is not null
        and right_value is not null

    union all

    select
        {{ node("'1'", "'figure'", "'product'", "'is_comparable'", 'case when is_comparable then 1 else 0 end') }}
    from pairs

    union all

    select
        {{ node("'1.' || dimension_number", "'figure_reference'", "'refers'", "'is_same'", 'same',
            detail_de='dimension', detail_en='dimension', refers_to_mart='mart', refers_to_row_key='dimension_key',
            refers_to_figure="'is_same'", refers_to_path="'1'") }}
    from parts_of_pairs

),

final as (

    select
        {{ node_columns() }}
    from nodes

)

select * from final
