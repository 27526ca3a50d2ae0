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

{#-
    The caption of a rate (columns of int_cost__rate before it is shown), in German (de) or English (en): the method and
    its basis, how much of the ledger is not mapped, what the interval holds, and what its protection rounds.
-#}
{% macro rate_caption(rates, methods, bases, language) -%}
{%- set words = {
    'de': {
        'unmapped': 'Nicht zugeordnet sind ', 'of': ' von ', 'ledger': ' EUR des Haushalts (',
        'limit': ' %; über ', 'no_figure': ' % gibt es keine Zahl).',
        'interval': 'Das Intervall enthält, dass davon nichts oder alles der Gruppe gilt.',
        'rounded': 'Zählungen des Melderegisters sind gerundet (auf ', 'base_published': ');',
        'published': ' der gezeigte Satz ist der veröffentlichte, er liegt in dem, was sie zulassen.',
        'base_step': '), und der Satz auf ',
        'step': ' EUR, sodass jede der möglichen Personenzahlen ihn ergibt.',
    },
    'en': {
        'unmapped': 'Not mapped are ', 'of': ' of ', 'ledger': ' EUR of the ledger (',
        'limit': ' %; above ', 'no_figure': ' % there is no figure).',
        'interval': 'The interval holds that none or all of it is cost of the group.',
        'rounded': 'Counts of the population register are rounded to ', 'base_published': ';',
        'published': ' the rate shown is the published one, which lies within what they allow.',
        'base_step': ', and the rate to ',
        'step': ' EUR, so that each of the possible counts of persons gives it.',
    },
}[language] -%}
concat_ws(
    ' ',
    {{ methods }}.caption_{{ language }},
    {{ bases }}.caption_{{ language }},
    '{{ words.unmapped }}' || {{ money_text(rates ~ '.unmapped_cost_eur', language) }} || '{{ words.of }}'
    || {{ money_text(rates ~ '.mappable_cost_eur', language) }} || '{{ words.ledger }}'
    || {{ percent_text(rates ~ '.unmapped_pct', language) }} || '{{ words.limit }}'
    || {{ percent_text(rates ~ '.unmapped_limit_pct', language) }} || '{{ words.no_figure }}',
    case
        when {{ rates }}.rate_reason is null and {{ rates }}.unmapped_high_eur - {{ rates }}.unmapped_low_eur > 0
            then '{{ words.interval }}'
    end,
    case
        when {{ rates }}.rate_reason is not null or not {{ rates }}.has_class then null
        when {{ rates }}.is_published
            then '{{ words.rounded }}{{ var('register_rounding_base') }}{{ words.base_published }}{{ words.published }}'
        else
            '{{ words.rounded }}{{ var('register_rounding_base') }}{{ words.base_step }}'
            || {{ whole_text(rates ~ '.rate_step_eur', language) }}
            || '{{ words.step }}'
    end
)
{%- endmacro %}
