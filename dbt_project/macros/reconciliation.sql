{#-
    CTEs that put a municipality's own count of EU2 persons, what it printed, and the AZR of the same day side by side.
    `foreigners` is foreign_population, `printed` the seed control_total. Of several counts of the AZR the table of the
    Landesdatenbank counts before GENESIS, and either before a print. The last CTE is `compared`.
-#}
{% macro counts_of_one_date(foreigners, printed) -%}
registers as (

    select * from {{ foreigners }}
    where source = 'register' and nationality = 'EU2' and sex = 'all'

),

prints as (

    select
        source,
        region_code,
        make_date(reference_year, 12, 31) as reference_date,
        cast(value as bigint) as persons,
        cast(precision_half_width as integer) as half_width,
        evidence,
        citation
    from {{ printed }}
    where measure = 'eu2_persons'
        and evidence in ('published', 'derived')

),

azr_counts as (

    select distinct on (region_code, reference_date) *
    from (
        select
            region_code, reference_date, source, source_region_code, table_code, cast(null as text) as citation,
            persons, coalesce(persons_low, persons) as persons_low, coalesce(persons_high, persons) as persons_high,
            evidence, case source when 'azr_nrw' then 1 else 2 end as precedence
        from {{ foreigners }}
        where source in ('azr_nrw', 'genesis')
            and nationality = 'EU2'
            and sex = 'all'
            and persons is not null
        union all
        select
            region_code, reference_date, 'published', region_code, '', citation,
            persons, persons - half_width, persons + half_width, evidence, 3
        from prints
        where source = 'azr_nrw'
    ) as of_all
    order by region_code asc, reference_date asc, precedence asc, table_code asc

),

own_counts as (

    select region_code, reference_date from registers
    union
    select region_code, reference_date from prints
    where source = 'register'

),

side_by_side as (

    select
        own_counts.region_code,
        own_counts.region_code as source_region_code,
        own_counts.reference_date,
        'EU2' as nationality,
        'Bulgarien, Rumänien' as nationality_name,
        registers.persons as register_persons,
        registers.persons_low as register_persons_low,
        registers.persons_high as register_persons_high,
        registers.reason as register_reason,
        case when registers.persons is not null then registers.evidence end as register_evidence,
        prints.persons as published_persons,
        prints.citation as published_document,
        prints.evidence as published_evidence,
        azr_counts.persons as azr_persons,
        azr_counts.persons_low as azr_persons_low,
        azr_counts.persons_high as azr_persons_high,
        azr_counts.source as azr_source,
        azr_counts.table_code as azr_table_code,
        azr_counts.source_region_code as azr_source_region_code,
        azr_counts.citation as azr_document,
        azr_counts.evidence as azr_evidence
    from own_counts
    left join registers
        on own_counts.region_code = registers.region_code
            and own_counts.reference_date = registers.reference_date
    left join prints
        on own_counts.region_code = prints.region_code
            and own_counts.reference_date = prints.reference_date
            and prints.source = 'register'
    left join azr_counts
        on own_counts.region_code = azr_counts.region_code
            and own_counts.reference_date = azr_counts.reference_date

),

-- what the municipality printed is exact, where its register is shown rounded
chosen as (

    select
        side_by_side.*,
        case when published_persons is not null then 'published' else 'register' end as compared_count,
        coalesce(published_persons, register_persons) as compared_persons,
        case when published_persons is null then coalesce(register_persons_low, register_persons) else published_persons end
            as compared_low,
        case when published_persons is null then coalesce(register_persons_high, register_persons) else published_persons end
            as compared_high,
        case when published_persons is not null then published_evidence else register_evidence end as compared_evidence,
        case when published_persons is not null then 'not_stated' else 'main' end as residences
    from side_by_side

),

compared as (

    select
        chosen.*,
        compared_low - azr_persons_high as difference_persons_low,
        compared_high - azr_persons_low as difference_persons_high
    from chosen

)
{%- endmacro %}

{#- A count of a reconciliation as its tree has it: printed with its citation, or the figure of another mart. -#}
{% macro reconciled_use(figure, evidence, is_printed, citation, counted_key) -%}
mart,
row_key,
region_code,
reference_year,
method,
'{{ figure }}' as figure,
{{ figure }} as persons,
{{ evidence }} as evidence,
{{ is_printed }} as is_printed,
{{ citation }} as citation,
{{ counted_key }} as counted_key
{%- endmacro %}
