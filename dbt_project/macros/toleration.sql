{#-
    CTEs of the cells of tolerations: each class that a place and day has, for all, men and women, with what the words of the
    print leave open. A cell that nobody delivered is unknown. The last CTE is `cells`.
-#}
{% macro toleration_cells(counts, precisions) -%}
classes as (

    select distinct region_code, stated_year, reference_day, reference_date, years_class, years_from, years_below
    from {{ counts }}

),

cells as (

    select
        classes.region_code,
        classes.stated_year,
        classes.reference_day,
        classes.reference_date,
        classes.years_class,
        classes.years_from,
        classes.years_below,
        sexes.sex,
        counted.persons,
        {{ lower_end('counted.persons', 'precision') }} as low,
        {{ upper_end('counted.persons', 'precision') }} as high,
        {{ lower_end('counted.persons', 'precision', 'wide') }} as wide_low,
        {{ upper_end('counted.persons', 'precision', 'wide') }} as wide_high,
        counted.value_sign,
        case
            when counted.persons is not null then null
            when counted.line_number is null then 'not_delivered'
            else coalesce({{ sign_reason('counted.value_sign') }}, 'not_published')
        end as reason,
        counted.value_printed,
        counted.source_document,
        counted.remark,
        counted.evidence,
        counted.source_file_name,
        counted.source_sha256,
        counted.line_number
    from classes
    cross join (values ('all'), ('male'), ('female')) as sexes (sex)
    left join {{ counts }} as counted
        on classes.region_code = counted.region_code
            and classes.stated_year = counted.stated_year
            and classes.reference_day = counted.reference_day
            and classes.years_class = counted.years_class
            and sexes.sex = counted.sex
    left join {{ precisions }} as precision
        on counted.qualifier = precision.qualifier

)
{%- endmacro %}

{#- Share of a class in all with a toleration, in percent to two decimals. -#}
{% macro toleration_share(part, whole) -%}
round({{ percentage(part, whole) }}, 2)
{%- endmacro %}
