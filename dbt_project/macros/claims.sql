{#-
    What a figure says of a claim. Of the same thing both intervals meet, or they contradict each other; a part must not
    be larger than the whole that is claimed. An end that is left open contradicts nothing. What cannot confirm (pinned,
    solved back, made up) retraces at most, and contradicts nothing either.
-#}
{% macro claim_verdict() -%}
case
    when compared.value is null then 'not_checkable'
    when
        coalesce(compared.low, compared.value) > claims.upper_end
        or (checks.comparison = 'same' and coalesce(compared.high, compared.value) < claims.lower_end)
        then case when evidence_classes.can_confirm then 'contradicted' else 'not_checkable' end
    when evidence_classes.can_confirm then 'plausible'
    else 'retraced'
end
{%- endmacro %}
