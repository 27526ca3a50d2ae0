{#-
    Unites a seed, once it is loaded, with the rows that a city keeps outside the project (`lagebild/warehouse/overlay.py`): in the
    seed's own table, so that its tests and all that reads it hold for them, too.
-#}
{% macro own_rows() -%}
insert into {{ this }}
select own.*
from raw.own_row as o
cross join lateral jsonb_populate_record(cast(null as {{ this.schema }}.{{ this.identifier }}), o.fields) as own
where o.seed = '{{ this.identifier }}'
{%- endmacro %}

{#- Every row that says which product and account is cost of which area: the project's own, and a city's. -#}
{% macro cost_mappings() -%}
{{ ref('cost_mapping') }}
{%- endmacro %}

{#- A row of the mapping is for the ledgers of one municipality and of its years alone. -#}
{% macro mapping_applies(ledger, mapping) -%}
(
    {{ ledger }}.municipality_ags = {{ mapping }}.municipality_ags
    and {{ ledger }}.fiscal_year
        between {{ mapping }}.valid_from_year and coalesce({{ mapping }}.valid_to_year, {{ ledger }}.fiscal_year)
)
{%- endmacro %}

{#- One basis of several, or that there is none: mixed where they differ, also where some is stated and some is not. -#}
{% macro common_basis(basis, condition='true') -%}
case
    when count(distinct {{ basis }}) filter (where {{ condition }}) = 1 then min({{ basis }}) filter (where {{ condition }})
    when count({{ basis }}) filter (where {{ condition }}) > 0 then 'mixed'
    else 'not_stated'
end
{%- endmacro %}

{#- An amount in running text, with its thousands and cents: 1.234,50 in German, 1,234.50 in English. -#}
{% macro money_text(amount_eur, language) -%}
{%- if language == 'de' -%}
translate(to_char({{ amount_eur }}, 'FM999,999,999,999,990.00'), ',.', '.,')
{%- else -%}
to_char({{ amount_eur }}, 'FM999,999,999,999,990.00')
{%- endif -%}
{%- endmacro %}

{#- A whole amount in running text: 1.000 in German, 1,000 in English. -#}
{% macro whole_text(amount_eur, language) -%}
{%- if language == 'de' -%}
replace(to_char({{ amount_eur }}, 'FM999,999,999,999,999,990'), ',', '.')
{%- else -%}
to_char({{ amount_eur }}, 'FM999,999,999,999,999,990')
{%- endif -%}
{%- endmacro %}

{#- A share in running text, in per cent with up to two decimals, and none where it is whole. -#}
{% macro percent_text(share_pct, language) -%}
{%- if language == 'de' -%}
replace(trim_scale(round({{ share_pct }}, 2))::text, '.', ',')
{%- else -%}
trim_scale(round({{ share_pct }}, 2))::text
{%- endif -%}
{%- endmacro %}
