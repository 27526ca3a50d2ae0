{#-
    The bridge between two figures, whatever their years, methods and publications: the one place of its
    formula. dbt calls it within one publication; `lagebild figure bridge` renders it over two (see
    lagebild/warehouse/bridge.py). The arguments are relations with the columns of cost_per_person and
    cost_extrapolation: as they were (from) and as they are (to).

    The way goes from the old figure, to the same year and method in the new data (data revision), to the
    new method (method), to the new year by midpoint (price; quantity by population and by employees).
    What is shown may be rounded: the rest to the shown difference is a row of its own, so that the parts
    sum to it exactly.
-#}
{% macro bridge_parts(from_cost, from_extrapolation, to_cost, to_extrapolation) -%}
with from_figures as (
    {{ bridge_figures(from_cost, from_extrapolation) }}
),

to_figures as (
    {{ bridge_figures(to_cost, to_extrapolation) }}
),

bridge_steps as (
    select
        former.municipality_ags,
        former.measure,
        former.region_code,
        former.method as from_method,
        former.method_version as from_method_version,
        former.reference_year as from_year,
        latter.method as to_method,
        latter.method_version as to_method_version,
        latter.reference_year as to_year,
        former.shown_eur as from_eur,
        latter.shown_eur as to_eur,
        former.method_version <> revised.method_version
        or coalesce(former.method_edition <> revised.method_edition, false) as is_not_separable,
        revised.amount_eur - former.amount_eur as revision_eur,
        mapped.amount_eur - revised.amount_eur as method_eur,
        (latter.rate_eur - mapped.rate_eur) * (latter.denominator_persons + mapped.denominator_persons) / 2 as price_eur,
        (latter.population_persons - mapped.population_persons) * (latter.rate_eur + mapped.rate_eur) / 2
            as population_eur,
        (mapped.employees_persons - latter.employees_persons) * (latter.rate_eur + mapped.rate_eur) / 2
            as employees_eur,
        former.evidence as from_evidence,
        latter.evidence as to_evidence,
        latter.caption_de,
        latter.caption_en
    from from_figures as former
    inner join to_figures as latter
        on former.municipality_ags = latter.municipality_ags
            and former.measure = latter.measure
            and former.region_code = latter.region_code
            and former.employees_place_basis = latter.employees_place_basis
    inner join to_figures as revised
        on former.municipality_ags = revised.municipality_ags
            and former.measure = revised.measure
            and former.region_code = revised.region_code
            and former.method = revised.method
            and former.reference_year = revised.reference_year
            and former.employees_place_basis = revised.employees_place_basis
    inner join to_figures as mapped
        on former.municipality_ags = mapped.municipality_ags
            and former.measure = mapped.measure
            and former.region_code = mapped.region_code
            and latter.method = mapped.method
            and former.reference_year = mapped.reference_year
            and former.employees_place_basis = mapped.employees_place_basis
),

bridge_rounded as (
    select
        bridge_steps.*,
        case when is_not_separable then 0 else round(revision_eur, 2) end as data_revision_part_eur,
        round(method_eur + case when is_not_separable then revision_eur else 0 end, 2) as method_part_eur,
        round(price_eur, 2) as price_part_eur,
        round(population_eur, 2) as population_part_eur,
        round(employees_eur, 2) as employees_part_eur
    from bridge_steps
),

bridge_rows as (
    select
        bridge_rounded.*,
        parts.part_order,
        parts.part,
        case parts.part
            when 'data_revision' then data_revision_part_eur
            when 'method' then method_part_eur
            when 'price' then price_part_eur
            when 'quantity_population' then population_part_eur
            when 'quantity_employees' then employees_part_eur
            else
                to_eur - from_eur - data_revision_part_eur - method_part_eur - price_part_eur - population_part_eur
                - employees_part_eur
        end as part_eur
    from bridge_rounded
    cross join (
        values
        (1, 'data_revision'), (2, 'method'), (3, 'price'), (4, 'quantity_population'), (5, 'quantity_employees'),
        (6, 'rounding')
    ) as parts (part_order, part)
)

select * from bridge_rows
{%- endmacro %}

{#-
    Figures that can be bridged: a municipality's total, and a country's extrapolated cost by the rate of a municipality.
    A publication from before there were editions of a method has none.
-#}
{% macro bridge_figures(cost, extrapolation) -%}
select
    municipality_ags,
    'total_cost_eur' as measure,
    municipality_ags as region_code,
    method,
    method_version,
    to_jsonb(figures) ->> 'method_edition' as method_edition,
    reference_year,
    population_persons,
    employees_persons,
    employees_place_basis,
    denominator_persons,
    {{ rate('total_cost_eur', 'denominator_persons') }} as rate_eur,
    total_cost_eur as amount_eur,
    total_cost_eur as shown_eur,
    evidence,
    caption_de,
    caption_en
from (select * from {{ cost }}) as figures
where cost_per_person_eur is not null

union all

select
    municipality_ags,
    'extrapolated_cost_eur' as measure,
    region_code,
    method,
    method_version,
    to_jsonb(figures) ->> 'method_edition' as method_edition,
    reference_year,
    population_persons,
    employees_persons,
    employees_place_basis,
    denominator_persons,
    cost_per_person_eur as rate_eur,
    cost_per_person_eur * denominator_persons as amount_eur,
    extrapolated_cost_rounded_rate_eur as shown_eur,
    evidence,
    caption_de,
    caption_en
from (select * from {{ extrapolation }}) as figures
where extrapolated_cost_rounded_rate_eur is not null
    -- a publication from before persons of another year were told apart has none
    and reference_year = coalesce(persons_year, reference_year)
{%- endmacro %}
