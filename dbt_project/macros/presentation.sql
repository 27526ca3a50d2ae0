{#- EUR in running German text, to 0.01 bn (below a billion: 0.01 m), decimal comma: 'rund 1,23 Mrd. EUR'. -#}
{% macro presentation_de(amount_eur) -%}
case
    -- 999,995,000 EUR would print as 1000,00 Mio.
    when abs({{ amount_eur }}) >= 1e9 - 5e3
        then 'rund ' || replace(to_char(round({{ amount_eur }} / 1e9, 2), 'FM999999990.00'), '.', ',') || ' Mrd. EUR'
    when {{ amount_eur }} is not null
        then 'rund ' || replace(to_char(round({{ amount_eur }} / 1e6, 2), 'FM999999990.00'), '.', ',') || ' Mio. EUR'
end
{%- endmacro %}
