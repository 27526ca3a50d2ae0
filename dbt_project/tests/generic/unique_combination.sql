{#-
    The grain of a model: no two rows share these columns, and none of them is NULL. `new_of`: a source
    of whose deliveries only those are looked at that no build has added up yet.
-#}
{% test unique_combination(model, columns, new_of=none) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
{%- if new_of %}
where delivery_id in ({{ deliveries_to_total([new_of], totals_of(new_of)) }})
{%- endif %}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
        or {{ column }} is null
    {%- endfor %}
{% endtest %}
