{#-
    Every delivered value that a value of `territorial_series` is made of: one row per value of the series and part of its
    territory on that day, with the part's own row (NULL where it was not delivered), its number among the value's parts,
    and the value before it is rounded. `statistics` and `parts` are official_statistic and int_territory__part. Persons go by shares of population, areas by shares
    of area; what is no amount of either (a rate, a mean) is not to be divided, and is left out.
-#}
{% macro territorial_cells(statistics, parts) -%}
with amounts as (
    select
        statistics.*,
        coalesce(statistics.reference_date, make_date(statistics.reference_year, 12, 31)) as counted_on,
        case when statistics.unit in ('qkm', 'km²', 'ha') then 'area' else 'population' end as basis
    from {{ statistics }} as statistics
    where statistics.source_region_code in (select parts.part_code from {{ parts }} as parts)
        and (
            statistics.unit in ('qkm', 'km²', 'ha', 'persons')
            or (
                statistics.unit = 'Anzahl'
                and 'persons' = (
                    select units.unit
                    from {{ ref('statistic_unit') }} as units
                    where left(statistics.measure_code, length(units.measure_code_prefix)) = units.measure_code_prefix
                    order by length(units.measure_code_prefix) desc
                    limit 1
                )
            )
        )
),

wanted as (
    select distinct
        parts.region_code,
        parts.territory_date,
        parts.basis,
        amounts.table_code,
        amounts.time_text,
        amounts.reference_date,
        amounts.reference_year,
        amounts.counted_on,
        amounts.classification,
        amounts.classification_codes,
        amounts.measure_code,
        amounts.measure_label,
        amounts.unit
    from amounts
    inner join {{ parts }} as parts
        on amounts.source_region_code = parts.part_code
            and amounts.basis = parts.basis
            and amounts.counted_on >= parts.counted_from
            and amounts.counted_on < parts.counted_until
)

select
    wanted.*,
    parts.part_code,
    parts.share,
    row_number() over own_value as part_number,
    count(*) over all_parts - count(amounts.value) over all_parts as missing_part_count,
    sum(amounts.value * parts.share) over all_parts as exact_value,
    amounts.value,
    amounts.value_sign,
    amounts.rounded_to,
    amounts.evidence,
    amounts.line_number,
    amounts.source_sha256
from wanted
inner join {{ parts }} as parts
    on wanted.region_code = parts.region_code
        and wanted.territory_date = parts.territory_date
        and wanted.basis = parts.basis
        and wanted.counted_on >= parts.counted_from
        and wanted.counted_on < parts.counted_until
left join amounts
    on parts.part_code = amounts.source_region_code
        and wanted.table_code = amounts.table_code
        and wanted.time_text = amounts.time_text
        and wanted.classification_codes = amounts.classification_codes
        and wanted.measure_code = amounts.measure_code
        and wanted.unit = amounts.unit
window
    all_parts as (
        partition by
            wanted.region_code, wanted.territory_date, wanted.table_code, wanted.time_text,
            wanted.classification_codes, wanted.measure_code, wanted.unit
    ),
    own_value as (all_parts order by parts.part_code)
{%- endmacro %}

{#- Decimals of a value of a territory: whole persons, areas to the hundredth. -#}
{% macro territorial_digits() -%}
case when basis = 'area' then 2 else 0 end
{%- endmacro %}
