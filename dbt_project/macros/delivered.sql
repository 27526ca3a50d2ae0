{#-
    The rows of `raw.<source>__<entity>` that this build reads: those of the deliveries fixed in
    `raw.build_input` before the build began, each with the file it came from. The only way from
    staging to raw, so that `raw.build_input` is the provenance of every figure.
-#}
{% macro delivered(source_id, entity) -%}
(
    select
        entity.*,
        delivery.sha256 as source_sha256,
        delivery.file_name as source_file_name
    from {{ source(source_id, source_id ~ '__' ~ entity) }} as entity
    inner join {{ source('deliveries', 'build_input') }} as input
        on entity.delivery_id = input.delivery_id
    inner join {{ source('deliveries', 'delivery') }} as delivery
        on input.delivery_id = delivery.delivery_id
    where input.build_id = {{ var('build_id') }}
        and input.source = '{{ source_id }}'
)
{%- endmacro %}
