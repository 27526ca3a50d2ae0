{#- At no time two rows of a combination hold: their years (valid_from_year to valid_to_year, empty is open) never meet. -#}
{% test valid_once(model, columns) %}
select
    {{ columns | join(', ') }},
    former.valid_from_year,
    latter.valid_from_year as next_from_year
from {{ model }} as former
inner join {{ model }} as latter
    using ({{ columns | join(', ') }})
where former.ctid < latter.ctid
    and former.valid_from_year <= coalesce(latter.valid_to_year, former.valid_from_year)
    and latter.valid_from_year <= coalesce(former.valid_to_year, latter.valid_from_year)
{% endtest %}
