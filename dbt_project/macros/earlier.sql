{#-
    What readers can still see of earlier publications, and what these were made from. A figure that is safe alone may
    not be beside an earlier one, so the protection of grants reads the deliveries behind earlier publications, and
    behind those of which packages were handed out before figures were protected: those fixed in `raw.build_input` of
    their builds, and no others. The only way from staging to them.
-#}

{#- Whether somebody outside reads a publication: all readers, or a recipient who has a package of it from before. -#}
{% macro is_known(publication) -%}
(
    {{ publication }}.is_protected
    or {{ publication }}.publication_id in (select handed_out.publication_id from {{ source('release', 'register') }} as handed_out)
)
{%- endmacro %}

{#-
    The rows of `raw.<source>__<entity>` of deliveries that a build behind a publication read which readers can see, and
    that this build does not read itself: each once, however many publications were made from it.
-#}
{% macro earlier_delivered(source_id, entity) -%}
(
    select
        entity.*,
        delivery.sha256 as source_sha256,
        delivery.file_name as source_file_name,
        delivery.period as source_period
    from {{ source(source_id, source_id ~ '__' ~ entity) }} as entity
    inner join {{ source('deliveries', 'delivery') }} as delivery
        on entity.delivery_id = delivery.delivery_id
    where entity.delivery_id in (
        select input.delivery_id
        from {{ source('published', 'publication') }} as publication
        inner join {{ source('deliveries', 'build_input') }} as input
            on publication.build_id = input.build_id
        where {{ is_known('publication') }}
            and input.source = '{{ source_id }}'
        except
        select input.delivery_id
        from {{ source('deliveries', 'build_input') }} as input
        where input.build_id = {{ build_id() }}
    )
)
{%- endmacro %}

{#-
    The rows of a mart, which names source and SHA-256 of its deliveries, in publications that readers can see: each
    content once for each delivery that it was made from, with how many rows of that were loaded.
-#}
{% macro earlier_published(mart) -%}
(
    select
        published.*,
        made.delivery_id,
        made.loaded,
        made.source_period
    from {{ source('published', mart) }} as published
    inner join (
        select distinct
            named.content_id,
            input.source,
            delivery.delivery_id,
            delivery.sha256,
            delivery.loaded,
            delivery.period as source_period
        from {{ source('published', 'publication') }} as publication
        inner join {{ source('published', 'publication_mart') }} as named
            on publication.publication_id = named.publication_id
        inner join {{ source('deliveries', 'build_input') }} as input
            on publication.build_id = input.build_id
        inner join {{ source('deliveries', 'delivery') }} as delivery
            on input.delivery_id = delivery.delivery_id
        where {{ is_known('publication') }}
            and named.mart = '{{ mart }}'
    ) as made
        on published.content_id = made.content_id
            and published.source = made.source
            and published.source_sha256 = made.sha256
)
{%- endmacro %}

{#-
    Rows of lists that this build reads and of those behind earlier publications, told apart by `is_read`: the columns named,
    and those of every grant.
-#}
{% macro read_and_earlier(read, earlier, columns) -%}
{%- for relation in [read, earlier] -%}
select
        {{ columns | join(',\n        ') }},
        delivery_id,
        list_period,
        source_sha256,
        line_number,
        starts_on,
        evidence,
        {{ 'true' if loop.first else 'false' }} as is_read
    from {{ relation }}
{%- if not loop.last %}
    union all
    {% endif -%}
{%- endfor -%}
{%- endmacro %}
