{#-
    The operations of one list in the form of all, from a CTE of rows of its raw table with the file that they are from.
    Where a list writes something otherwise, the expression that says it as the others do.
-#}
{% macro esf_operations(
    relation, source, region_code, cofinancing_rate_pct='cofinancing_rate_pct', location='location', intervention='intervention'
) -%}
select
        '{{ source }}' as source,
        {{ region_code }} as region_code,
        operation,
        starts_on,
        ends_on,
        total_cost_eur,
        {{ cofinancing_rate_pct }} as cofinancing_rate_pct,
        {{ location }} as location,
        {{ intervention }} as intervention,
        evidence,
        delivery_id,
        line_number,
        source_sha256,
        source_file_name,
        source_period
    from {{ relation }}
{%- endmacro %}

{#-
    The lists of operations of the European Social Fund in one form, from CTEs named by state. The last CTE is `united`.
-#}
{% macro united_esf_lists() -%}
{%- set ratio = 'round(100 * cofinancing_ratio, 2)' -%}
regions as (

    select * from {{ ref('region') }}

),

-- this list alone says where an operation is, and some are in other states
nrw_placed as (

    select
        nrw.*,
        regions.region_code as state_code,
        -- a cell that is a number has lost the zero of a postcode, which has five digits in Germany
        concat_ws(
            ' ',
            case
                when nrw.country like 'Deutschland%' and nrw.postcode ~ '^[0-9]{4}$' then lpad(nrw.postcode, 5, '0')
                else nrw.postcode
            end,
            nrw.location
        ) as postcode_and_location
    from nrw
    left join regions
        on
            regions.region_level = 'state'
            and regexp_replace(trim(nrw.country), '^Deutschland, *', '') = regions.region_name

),

united as (

    {{ esf_operations('bayern', 'esf_bayern', "'09'", intervention='intervention_code') }}
    union all
    {{ esf_operations('sachsen', 'esf_sachsen', "'14'") }}
    union all
    {{ esf_operations('berlin', 'esf_berlin', "'11'") }}
    union all
    {{ esf_operations('bremen', 'esf_bremen', "'04'", ratio, intervention='intervention_code') }}
    union all
    {{ esf_operations('hessen', 'esf_hessen', "'06'", 'null', intervention='intervention_code') }}
    union all
    {{ esf_operations('nrw_placed', 'esf_nrw', 'state_code', ratio, 'postcode_and_location', 'intervention_code') }}

)
{%- endmacro %}

{#-
    Whether two deliveries are of one list, so that a later one tells what an earlier one does not hold: by the contracts'
    `periods`, of the catalogue all (`latest`), of a list those of one funding period, of which the longer holds the other
    (`longest`).
-#}
{% macro of_one_list(one, other) -%}
{{ one }}.source = {{ other }}.source
and (
    {{ one }}.source = 'foerderkatalog'
    or (
        split_part({{ one }}.list_period, '-', 1) <= split_part({{ other }}.list_period, '-', 1)
        and split_part({{ one }}.list_period, '-', 2) >= split_part({{ other }}.list_period, '-', 2)
    )
    or (
        split_part({{ one }}.list_period, '-', 1) >= split_part({{ other }}.list_period, '-', 1)
        and split_part({{ one }}.list_period, '-', 2) <= split_part({{ other }}.list_period, '-', 2)
    )
)
{%- endmacro %}

{#- What the Union pays of an operation, EUR; empty where the list has no share. -#}
{% macro union_share() -%}
round(total_cost_eur * cofinancing_rate_pct / 100, 2)
{%- endmacro %}

{#-
    Grants of all lists in one form, each with the cell that it counts in: source, funder, state and year of beginning.
    `esf` and `federal` are relations or CTEs of operations and projects; `flags` are columns of both that are kept. The last
    CTE is `placed`.
-#}
{% macro placed_grants(esf, federal, flags=[]) -%}
united as (

    select
        source,
        delivery_id,
        {%- for flag in flags %}
        {{ flag }},
        {%- endfor %}
        source_sha256,
        line_number,
        'Europäischer Sozialfonds' as programme,
        'EU' as funding_level,
        'EU' as funder,
        region_code,
        starts_on,
        total_cost_eur,
        union_share_eur as granted_eur,
        evidence
    from {{ esf }}

    union all

    -- the catalogue states what the federation pays, and not what a project costs
    select
        'foerderkatalog' as source,
        delivery_id,
        {%- for flag in flags %}
        {{ flag }},
        {%- endfor %}
        source_sha256,
        line_number,
        'Förderkatalog des Bundes' as programme,
        'Bund' as funding_level,
        ministry as funder,
        left(recipient_ags, 2) as region_code,
        starts_on,
        cast(null as numeric) as total_cost_eur,
        federal_amount_eur as granted_eur,
        evidence
    from {{ federal }}

),

placed as (

    select
        united.*,
        coalesce(united.funder, 'not_stated') as known_funder,
        coalesce(united.region_code, 'not_stated') as known_region,
        coalesce(cast(extract(year from united.starts_on) as text), 'not_stated') as begin_year,
        evidence_classes.evidence_class_rank
    from united
    left join {{ ref('evidence_class') }} as evidence_classes
        on united.evidence = evidence_classes.evidence_class

)
{%- endmacro %}
