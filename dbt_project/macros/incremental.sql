{#- Sources that deliver a ledger, and in which order they count: journal before totals before budget. -#}
{% macro ledger_sources() -%}
{{ return(['ledger', 'ledger_totals', 'ledger_plan']) }}
{%- endmacro %}

{#- The place of a source in that order. -#}
{% macro ledger_precedence(source_id) -%}
array_position(array['{{ ledger_sources() | join("', '") }}'], {{ source_id }})
{%- endmacro %}

{#-
    The code that makes the figures: what other code has added up is added up again. As with `build_id`, asked when a
    statement is made: as a variable of dbt's, each change of a model would have all of them parsed anew.
-#}
{% macro code_version() -%}
{{ env_var('LAGEBILD_CODE_VERSION', '') if execute else '' }}
{%- endmacro %}

{#-
    The incremental models that keep what was added up of a delivery, by source. A delivery never changes but by the erasure of
    a person: where it may, the model has `erased_rows`, and what was added up before an erasure is added up again. A new
    key of the pseudonyms changes no number: as many persons as before.
-#}
{% macro totals_of(source_id) -%}
{{ return('int_population__delivery_count' if source_id == 'register' else 'int_cost__delivery_total') }}
{%- endmacro %}

{#- Those of registers, which count again after an erasure. -#}
{% macro totals_of_persons() -%}
{{ return([totals_of('register'), 'int_population__delivery_composition']) }}
{%- endmacro %}

{#- How many rows of each delivery were erased since it was loaded. -#}
{% macro erased_rows() -%}
(
    select
        delivery_id,
        erased_loaded as erased_rows
    from {{ source('deliveries', 'delivery') }}
)
{%- endmacro %}

{#-
    Numbers of the deliveries of ledgers (or of the sources named) that this build reads and that the incremental
    model `totals` has not added up yet by this code, as a list for `in (...)`: constants, so that only their blocks
    of raw are read.
-#}
{% macro deliveries_to_total(source_ids=none, totals='int_cost__delivery_total') -%}
{%- if not execute -%}
null
{%- else -%}
{%- set known = adapter.get_relation(target.database, target.schema, totals) -%}
{%- set query -%}
select delivery_id
from {{ source('deliveries', 'build_input') }}
where build_id = {{ build_id() }} and source in ('{{ (source_ids or ledger_sources()) | join("', '") }}')
{%- if known %}
except
select delivery_id
from {{ known }}
{%- if totals in totals_of_persons() %}
natural inner join {{ erased_rows() }} as erased
{%- endif %}
where code_version = '{{ code_version() }}'
{%- endif %}
{%- endset -%}
{{ run_query(query).columns[0].values() | join(', ') or 'null' }}
{%- endif -%}
{%- endmacro %}

{#- Forget what other code has added up, deliveries that this build does not read, and those erased from since. -#}
{% macro drop_totals_of_others(totals) -%}
delete from {{ totals }}
where code_version <> '{{ code_version() }}'
    or delivery_id not in (
        select delivery_id from {{ source('deliveries', 'build_input') }} where build_id = {{ build_id() }}
    )
{%- if totals.identifier in totals_of_persons() %}
    or (delivery_id, erased_rows) not in (select delivery_id, erased_rows from {{ erased_rows() }} as erased)
{%- endif %}
{%- endmacro %}
