{#- Class of the calendar years since somebody moved into the municipality; NULL where the year is not stated. -#}
{% macro stay_class(years) -%}
case
    when {{ years }} < 0 then null
    when {{ years }} < 1 then '0'
    when {{ years }} < 5 then '1-4'
    when {{ years }} < 10 then '5-9'
    when {{ years }} < 20 then '10-19'
    when {{ years }} >= 20 then '20+'
end
{%- endmacro %}

{#- Every value that a characteristic of a register may have, so that one that nobody has is not told by its absence. -#}
{% macro register_characteristics() -%}
(
    values
    {%- for characteristic, known in {
        'migration_background': ['none', 'foreign', 'naturalised', 'resettler', 'family'],
        'background_by_birth': ['foreign', 'german_born_abroad', 'not_known'],
        'length_of_stay': ['0', '1-4', '5-9', '10-19', '20+'],
        'moved_from': ['same_district', 'same_state', 'other_state', 'abroad'],
    }.items() %}
    {%- for value in known + ['not_stated'] %}
    ('{{ characteristic }}', '{{ value }}'),
    {%- endfor %}
    {%- endfor %}
    (null, null)
)
{%- endmacro %}
