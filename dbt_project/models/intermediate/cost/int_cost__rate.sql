-- grain: one row per municipality, year and method for which a ledger was delivered.
-- The one place where cost per person is computed; without a figure there is a reason. Where the persons of the
-- denominator come from a register, the rate is that of each count of its class: rounded until they agree, or the one
-- that the municipality published itself.
with

methods as (

    select * from {{ ref('cost_method') }}

),

ranged as (

    select * from {{ ref('int_cost__rate_input') }}

),

bases as (

    select * from {{ ref('cost_basis') }}

),

editions as (

    select * from {{ ref('int_cost__method_edition') }}

),

published_figures as (

    select * from {{ ref('published_figure') }}
    where mart = 'cost_per_person'
        and measure = 'cost_per_person_eur'

),

stepped as (

    select
        ranged.*,
        published_figures.value as published_rate_eur,
        ranged.has_class
        and coalesce({{ meets_published(
            'ranged.class_rate_low_eur',
            'ranged.class_rate_high_eur',
            'published_figures.value',
            'published_figures.precision_half_width',
        ) }}, false) as is_published,
        published_figures.precision_half_width
    from ranged
    left join published_figures
        on ranged.municipality_ags = published_figures.region_code
            and ranged.fiscal_year = published_figures.reference_year
            and ranged.method = published_figures.method

),

computed as (

    select
        stepped.*,
        case
            when not has_class then class_rate_low_eur
            when is_published then published_rate_eur
            else round(class_rate_low_eur / class_step_eur) * class_step_eur
        end as computed_rate_eur,
        -- the interval of a published rate is at least as coarse as its print
        greatest(class_step_eur, case when is_published then 2 * precision_half_width end) as rate_step_eur,
        case
            when reason is null
                then {{ rate('(total_cost_eur - cost_precision_eur + unmapped_low_eur)', 'denominator_high_persons') }}
        end as lowest_rate_eur,
        case
            when reason is null and denominator_low_persons > 0
                then {{ rate('(total_cost_eur + cost_precision_eur + unmapped_high_eur)', 'denominator_low_persons') }}
        end as highest_rate_eur
    from stepped

),

judged as (

    select
        computed.*,
        case
            when reason is null and has_class and computed_rate_eur = 0 and total_cost_eur <> 0 then 'rate_too_coarse'
            else reason
        end as rate_reason
    from computed

),

rated as (

    select
        judged.*,
        case when rate_reason is null then computed_rate_eur end as cost_per_person_eur,
        case
            when rate_reason is not null then null
            when has_class then floor(lowest_rate_eur / rate_step_eur) * rate_step_eur
            else lowest_rate_eur
        end as cost_per_person_low_eur,
        case
            when rate_reason is not null then null
            when has_class then ceil(highest_rate_eur / rate_step_eur) * rate_step_eur
            else highest_rate_eur
        end as cost_per_person_high_eur
    from judged

),

final as (

    select
        rated.municipality_ags,
        rated.fiscal_year,
        rated.method,
        methods.method_version,
        rated.reference_date,
        -- the part of a cost that happens to be mapped is no figure
        case when coalesce(rated.reason, '') <> 'mapping_incomplete' then rated.total_cost_eur end as total_cost_eur,
        rated.unattributed_cost_eur,
        rated.excluded_cost_eur,
        rated.cost_basis,
        case when coalesce(rated.reason, '') <> 'mapping_incomplete' then rated.cost_evidence end as cost_evidence,
        rated.ledger_evidence,
        rated.population_persons,
        rated.population_source,
        rated.population_evidence,
        rated.employees_persons,
        rated.employees_place_basis,
        rated.employees_evidence,
        rated.denominator_persons,
        rated.cost_precision_eur,
        rated.denominator_low_persons,
        rated.denominator_high_persons,
        rated.cost_per_person_eur,
        rated.cost_per_person_low_eur,
        rated.cost_per_person_high_eur,
        round(rated.cost_per_person_eur, methods.rate_rounding_digits) as cost_per_person_rounded_eur,
        rated.rate_reason as reason,
        {{ weakest_evidence([
            'rated.cost_evidence',
            'rated.population_evidence',
            'rated.employees_evidence',
            "case when rated.cost_per_person_eur is not null then 'derived' end",
        ]) }} as evidence,
        rated.unmapped_cost_eur,
        rated.unmapped_pct,
        rated.unmapped_limit_pct,
        rated.unmapped_low_eur,
        rated.unmapped_high_eur,
        editions.method_edition,
        {{ rate_caption('rated', 'methods', 'bases', 'de') }} as caption_de,
        {{ rate_caption('rated', 'methods', 'bases', 'en') }} as caption_en,
        rated.class_rate_low_eur,
        rated.class_rate_high_eur,
        rated.rate_step_eur,
        rated.is_published,
        rated.has_class,
        rated.denominator_class_low_persons,
        rated.denominator_class_high_persons,
        rated.is_mapping_incomplete
    from rated
    inner join methods
        on rated.method = methods.method
    left join bases
        on rated.cost_basis = bases.cost_basis
    left join editions
        on rated.method = editions.method
            and rated.municipality_ags = editions.municipality_ags
            and rated.fiscal_year = editions.fiscal_year

)

select * from final
