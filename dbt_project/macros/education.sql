{#-
    What is printed of a place's day care beside its other key figures: of several years of population that name one year
    of day care the latest. A place that is printed without such a year states no share.
-#}
{% macro printed_day_care() -%}
select distinct on (region_code, day_care_year) *
from {{ ref('stg_structure_tables__municipality') }}
where day_care_year is not null
order by region_code asc, day_care_year asc, reference_year desc
{%- endmacro %}
