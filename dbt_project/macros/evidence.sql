{#- Law 5, the weakest input wins: of several evidence columns of one row. Missing ones do not count. -#}
{% macro weakest_evidence(columns) -%}
(
    select classes.evidence_class
    from {{ ref('evidence_class') }} as classes
    where classes.evidence_class in ({{ columns | join(', ') }})
    order by classes.evidence_class_rank desc
    limit 1
)
{%- endmacro %}

{#- The class of a rank: the way back from `max(evidence_rank)` over the rows of an aggregate. -#}
{% macro evidence_of_rank(evidence_rank) -%}
(
    select classes.evidence_class
    from {{ ref('evidence_class') }} as classes
    where classes.evidence_class_rank = {{ evidence_rank }}
)
{%- endmacro %}

{#- The same of what was computed from these rows, if only their sum: never better than derived. No rank, no class. -#}
{% macro computed_evidence_of_rank(evidence_rank) -%}
(
    select classes.evidence_class
    from {{ ref('evidence_class') }} as classes
    where classes.evidence_class_rank = greatest(
        {{ evidence_rank }},
        (
            select computed.evidence_class_rank
            from {{ ref('evidence_class') }} as computed
            where computed.evidence_class = 'derived'
        )
    )
        and {{ evidence_rank }} is not null
)
{%- endmacro %}

{#-
    Evidence of a sum over rows. Where the rows are synthetic but their sum equals a control total, the
    split is synthetic and the sum is not: it was made to equal that total, so it was solved back from it, and is
    never called published. Any other sum of synthetic rows stays synthetic.
-#}
{% macro evidence_of_sum(weakest, total, control_value, control_evidence) -%}
case
    when {{ weakest }} = 'synthetic' and {{ total }} = {{ control_value }}
        then {{ weakest_evidence([control_evidence, "'derived_from_result'"]) }}
    else {{ weakest }}
end
{%- endmacro %}

{#-
    What a computed value says about a published one; `low` and `high` are the ends of what it may be, or twice the value.
    Where they meet the published rounding it confirms it only where no input was solved back from it; otherwise it merely
    retraces it.
-#}
{% macro verdict(low, high, published, half_width, evidence) -%}
case
    when {{ published }} is null then 'not_published'
    when {{ low }} is null then null
    when {{ meets_published(low, high, published, half_width) }}
        then
            case
                when (
                    select classes.can_confirm
                    from {{ ref('evidence_class') }} as classes
                    where classes.evidence_class = {{ evidence }}
                ) then 'confirmed'
                else 'retraced'
            end
    else 'differs'
end
{%- endmacro %}
