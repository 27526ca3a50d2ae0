{#-
    The build whose fixed inputs are read; 0 is none: its token is never held, so nothing is written. Asked when a
    statement is made, not when the project is parsed: a number that changes would have all of it parsed anew.
-#}
{% macro build_id() -%}
{{ env_var('LAGEBILD_BUILD_ID', '0') | int if execute else 0 }}
{%- endmacro %}

{#- Refuses a build without the token. A sandbox reads the inputs of a build that is over, and writes to its own schema. -#}
{% macro asserted_token() -%}
{%- if not target.schema.startswith('sandbox_') -%}select raw.assert_build_token({{ build_id() }}){%- endif -%}
{%- endmacro %}

{#-
    The rows of `raw.<source>__<entity>` that this build reads: those of the deliveries fixed in
    `raw.build_input` before the build began, each with the file it came from, its period and the
    place of this among the source's. The only way from staging to raw, so that `raw.build_input` is the
    provenance of every figure.
-#}
{% macro delivered(source_id, entity) -%}
(
    select
        entity.*,
        delivery.sha256 as source_sha256,
        delivery.file_name as source_file_name,
        delivery.period as source_period,
        input.period_order
    from {{ source(source_id, source_id ~ '__' ~ entity) }} as entity
    inner join {{ source('deliveries', 'build_input') }} as input
        on entity.delivery_id = input.delivery_id
    inner join {{ source('deliveries', 'delivery') }} as delivery
        on input.delivery_id = delivery.delivery_id
    where input.build_id = {{ build_id() }}
        and input.source = '{{ source_id }}'
)
{%- endmacro %}

{#-
    Of the rows of a relation those of the latest period that holds their key: the columns that name a row, as
    `unique_combination` says of the model. Two rows of one delivery that share a key both stay, for that test to find.
-#}
{% macro latest_period(relation, key) -%}
(
    select *
    from (
        select
            ranked.*,
            rank() over (
                partition by {{ key | join(', ') }}
                order by period_order desc nulls last
            ) as period_rank
        from {{ relation }} as ranked
    ) as by_period
    where period_rank = 1
)
{%- endmacro %}

{#- The deliveries fixed in `raw.build_input` before this build began, with what their checks and people said of them. -#}
{% macro fixed_deliveries() -%}
(
    select
        delivery.source,
        delivery.delivery_id,
        delivery.period,
        delivery.file_name,
        delivery.sha256,
        delivery.records,
        verdicts.passed_count,
        verdicts.warned_count,
        verdicts.failed_count,
        decision.decided_at,
        decision.decided_why
    from {{ source('deliveries', 'build_input') }} as input
    inner join {{ source('deliveries', 'delivery') }} as delivery
        on input.delivery_id = delivery.delivery_id
    -- an expectation that judged twice is heard once, the last time
    left join lateral (
        select
            count(*) filter (where latest.passed) as passed_count,
            count(*) filter (where not latest.passed and latest.severity = 'warn') as warned_count,
            count(*) filter (where not latest.passed and latest.severity = 'hold') as failed_count
        from (
            select distinct on (verdict.expectation) verdict.*
            from {{ source('quality', 'verdict') }} as verdict
            where verdict.delivery_id = delivery.delivery_id
            order by verdict.expectation asc, verdict.verdict_id desc
        ) as latest
    ) as verdicts on true
    -- a person decided only where the delivery had been held; who it was is not for those who read figures
    left join lateral (
        select
            event.at as decided_at,
            event.why as decided_why
        from {{ source('deliveries', 'delivery_event') }} as event
        where event.delivery_id = delivery.delivery_id
            and event.state = 'accepted'
            and exists (
                select 1
                from {{ source('deliveries', 'delivery_event') }} as former
                where former.delivery_id = delivery.delivery_id
                    and former.state = 'held'
                    and former.event_id < event.event_id
            )
        order by event.event_id desc
        limit 1
    ) as decision on true
    where input.build_id = {{ build_id() }}
)
{%- endmacro %}

{#-
    When the newest delivery of a source that counts was received: what `dbt source freshness` asks of each source whose
    contract says when a period is due. `model` is the source's table.
-#}
{% macro last_accepted() -%}
select max(received_at)
from {{ model.schema }}.delivery
where source = '{{ model.source_name }}'
    and state = 'accepted'
{%- endmacro %}
