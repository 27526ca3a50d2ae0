-- grain: one row per municipality, year and method for which a ledger was delivered.
-- The one place where cost per person is computed; without a figure there is a reason. Where the persons of the
-- denominator come from a register, the rate is that of each count of its class: rounded until they agree, or the one
-- that the municipality published itself.
with

methods as (

    select * from {{ ref('cost_method') }}

),

components as (

    select * from {{ ref('int_cost__component') }}

),

denominators as (

    select * from {{ ref('int_cost__denominator') }}

),

control_totals as (

    select * from {{ ref('control_total') }}

),

evidence_classes as (

    select * from {{ ref('evidence_class') }}

),

account_rules as (

    select * from {{ ref('cost_account_rule') }}

),

bases as (

    select * from {{ ref('cost_basis') }}

),

editions as (

    select * from {{ ref('int_cost__method_edition') }}

),

confidential_groups as (

    select * from {{ ref('int_disclosure__cost_group') }}

),

published_figures as (

    select * from {{ ref('published_figure') }}
    where mart = 'cost_per_person'
        and measure = 'cost_per_person_eur'

),

-- what is never counted whatever the mapping says needs none
reasons_without_mapping as (

    select distinct
        method,
        exclusion_reason
    from account_rules

),

ledgers as (

    select distinct
        municipality_ags,
        fiscal_year
    from components

),

numerators as (

    select
        components.municipality_ags,
        components.fiscal_year,
        components.method,
        sum(components.amount_eur) filter (where components.treatment = 'attributed') as total_cost_eur,
        sum(components.amount_eur) filter (where components.treatment = 'unattributed') as unattributed_cost_eur,
        sum(components.amount_eur) filter (where components.treatment = 'excluded') as excluded_cost_eur,
        coalesce(
            sum(components.amount_precision_eur) filter (where components.treatment = 'attributed'), 0
        ) as cost_rounding_eur,
        {{ common_basis('components.cost_basis', "components.treatment = 'attributed'") }} as cost_basis,
        -- without signs: revenue that nobody mapped does not make up for expense that nobody mapped
        coalesce(
            sum(abs(components.amount_eur)) filter (where components.exclusion_reason = 'unmapped'), 0
        ) as unmapped_cost_eur,
        coalesce(
            sum(abs(components.amount_eur)) filter (where reasons_without_mapping.method is null), 0
        ) as mappable_cost_eur,
        -- what could be cost of the group, of what is not mapped: at least, and at most
        coalesce(
            sum(least(components.amount_eur, 0)) filter (
                where components.exclusion_reason = 'unmapped'
                and components.target_group in (methods.target_group, 'all')
            ), 0
        ) as unmapped_low_eur,
        coalesce(
            sum(greatest(components.amount_eur, 0)) filter (
                where components.exclusion_reason = 'unmapped'
                and components.target_group in (methods.target_group, 'all')
            ), 0
        ) as unmapped_high_eur,
        max(evidence_classes.evidence_class_rank) filter (where components.treatment = 'attributed') as evidence_rank
    from components
    inner join methods
        on components.method = methods.method
    left join evidence_classes
        on components.evidence = evidence_classes.evidence_class
    left join reasons_without_mapping
        on components.method = reasons_without_mapping.method
            and components.treatment = 'excluded'
            and components.exclusion_reason = reasons_without_mapping.exclusion_reason
    group by components.municipality_ags, components.fiscal_year, components.method

    union all

    -- a method without a numerator of its own gets a row that says so, and no other method's cost
    select
        ledgers.municipality_ags,
        ledgers.fiscal_year,
        methods.method,
        null as total_cost_eur,
        null as unattributed_cost_eur,
        null as excluded_cost_eur,
        null as cost_rounding_eur,
        methods.cost_basis,
        null as unmapped_cost_eur,
        null as mappable_cost_eur,
        null as unmapped_low_eur,
        null as unmapped_high_eur,
        null as evidence_rank
    from ledgers
    inner join methods
        on methods.numerator_rule = 'none'

),

numerators_with_evidence as (

    select
        numerators.municipality_ags,
        numerators.fiscal_year,
        numerators.method,
        numerators.total_cost_eur,
        numerators.unattributed_cost_eur,
        numerators.excluded_cost_eur,
        numerators.cost_basis,
        numerators.unmapped_cost_eur,
        numerators.mappable_cost_eur,
        numerators.unmapped_low_eur,
        numerators.unmapped_high_eur,
        methods.unmapped_limit_pct,
        {{ percentage('numerators.unmapped_cost_eur', 'numerators.mappable_cost_eur') }} as unmapped_pct,
        methods.numerator_rule,
        {{ evidence_of_rank('numerators.evidence_rank') }} as rows_evidence,
        control_totals.value as control_value,
        control_totals.evidence as control_evidence,
        case
            when numerators.total_cost_eur = control_totals.value then control_totals.precision_half_width
            else numerators.cost_rounding_eur
        end as cost_precision_eur,
        {{ reference_date('methods.reference_date_rule', 'numerators.fiscal_year') }} as reference_date
    from numerators
    inner join methods
        on numerators.method = methods.method
    left join control_totals
        on control_totals.source = 'ledger'
            and control_totals.measure = 'attributed_total_eur'
            and numerators.municipality_ags = control_totals.region_code
            and numerators.fiscal_year = control_totals.reference_year

),

delivered_dates as (

    select
        method,
        region_code,
        -- also where it is confidential
        count(population_source) > 0 as has_population,
        count(employees_place_basis) > 0 as has_employees
    from denominators
    group by method, region_code

),

joined as (

    select
        numerators_with_evidence.municipality_ags,
        numerators_with_evidence.fiscal_year,
        numerators_with_evidence.method,
        numerators_with_evidence.reference_date,
        numerators_with_evidence.cost_basis,
        numerators_with_evidence.unmapped_limit_pct,
        amounts.total_cost_eur,
        amounts.unattributed_cost_eur,
        amounts.excluded_cost_eur,
        amounts.unmapped_cost_eur,
        amounts.mappable_cost_eur,
        amounts.unmapped_low_eur,
        amounts.unmapped_high_eur,
        amounts.unmapped_pct,
        amounts.cost_precision_eur,
        {{ evidence_of_sum(
            'amounts.rows_evidence',
            'amounts.total_cost_eur',
            'amounts.control_value',
            'amounts.control_evidence',
        ) }} as cost_evidence,
        denominators.population_source,
        denominators.population_evidence,
        denominators.employees_place_basis,
        denominators.employees_evidence,
        counts.population_persons,
        counts.employees_persons,
        counts.denominator_persons,
        counts.denominator_low_persons,
        counts.denominator_high_persons,
        counts.denominator_class_low_persons,
        counts.denominator_class_high_persons,
        coalesce(denominators.has_class, false) as has_class,
        -- also where it is confidential: the office reads it
        coalesce(
            numerators_with_evidence.unmapped_pct > numerators_with_evidence.unmapped_limit_pct, false
        ) as is_mapping_incomplete,
        case
            when confidential_groups.municipality_ags is not null and coalesce(confidential_groups.rule, '') <> 'uncounted'
                then 'confidential'
            when numerators_with_evidence.numerator_rule = 'none' then 'numerator_of_method_missing'
            when amounts.unmapped_pct > numerators_with_evidence.unmapped_limit_pct then 'mapping_incomplete'
            -- withheld until the persons are counted: that they are missing is the reason
            when amounts.total_cost_eur is null and confidential_groups.municipality_ags is null then 'numerator_missing'
            when denominators.population_persons is null and delivered_dates.has_population
                then 'population_of_another_date'
            when denominators.population_persons is null then 'population_missing'
            -- by another method
            when confidential_groups.municipality_ags is not null then 'confidential'
            when denominators.reason = 'employees_missing' and delivered_dates.has_employees
                then 'employees_of_another_date'
            else denominators.reason
        end as reason
    from numerators_with_evidence
    left join confidential_groups
        on numerators_with_evidence.municipality_ags = confidential_groups.municipality_ags
            and numerators_with_evidence.fiscal_year = confidential_groups.fiscal_year
    -- what is confidential goes with all of its group: its amounts and its counts
    left join numerators_with_evidence as amounts
        on numerators_with_evidence.municipality_ags = amounts.municipality_ags
            and numerators_with_evidence.fiscal_year = amounts.fiscal_year
            and numerators_with_evidence.method = amounts.method
            and confidential_groups.municipality_ags is null
    left join denominators
        on numerators_with_evidence.method = denominators.method
            and numerators_with_evidence.municipality_ags = denominators.region_code
            and numerators_with_evidence.reference_date = denominators.reference_date
    left join denominators as counts
        on denominators.method = counts.method
            and denominators.region_code = counts.region_code
            and denominators.reference_date = counts.reference_date
            and confidential_groups.municipality_ags is null
    left join delivered_dates
        on numerators_with_evidence.method = delivered_dates.method
            and numerators_with_evidence.municipality_ags = delivered_dates.region_code

),

-- what the rate may be for the counts of the denominator's class; where it has none, both are its one count
ranged as (

    select
        joined.*,
        case
            when joined.reason is null
                then
                    least(
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_low_persons') }},
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_high_persons') }}
                    )
        end as class_rate_low_eur,
        case
            when joined.reason is null
                then
                    greatest(
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_low_persons') }},
                        {{ rate('joined.total_cost_eur', 'joined.denominator_class_high_persons') }}
                    )
        end as class_rate_high_eur,
        case
            when joined.reason is null and joined.has_class
                then {{ rate_step(
                    'joined.total_cost_eur', 'joined.denominator_class_low_persons', 'joined.denominator_class_high_persons'
                ) }}
        end as class_step_eur
    from joined

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
        {{ weakest_evidence(['rated.cost_evidence', 'rated.population_evidence', 'rated.employees_evidence']) }} as evidence,
        rated.unmapped_cost_eur,
        rated.unmapped_pct,
        rated.unmapped_limit_pct,
        rated.unmapped_low_eur,
        rated.unmapped_high_eur,
        editions.method_edition,
        concat_ws(
            ' ',
            methods.caption_de,
            bases.caption_de,
            'Nicht zugeordnet sind ' || {{ money_text('rated.unmapped_cost_eur', 'de') }} || ' von '
            || {{ money_text('rated.mappable_cost_eur', 'de') }} || ' EUR des Haushalts ('
            || {{ percent_text('rated.unmapped_pct', 'de') }} || ' %; über '
            || {{ percent_text('rated.unmapped_limit_pct', 'de') }} || ' % gibt es keine Zahl).',
            case
                when rated.rate_reason is null and rated.unmapped_high_eur - rated.unmapped_low_eur > 0
                    then 'Das Intervall enthält, dass davon nichts oder alles der Gruppe gilt.'
            end,
            case
                when rated.rate_reason is not null or not rated.has_class then null
                when rated.is_published
                    then 'Zählungen des Melderegisters sind gerundet (auf {{ var('register_rounding_base') }});'
                        || ' der gezeigte Satz ist der veröffentlichte, er liegt in dem, was sie zulassen.'
                else
                    'Zählungen des Melderegisters sind gerundet (auf {{ var('register_rounding_base') }}), und der Satz auf '
                    || {{ whole_text('rated.rate_step_eur', 'de') }}
                    || ' EUR, sodass jede der möglichen Personenzahlen ihn ergibt.'
            end
        ) as caption_de,
        concat_ws(
            ' ',
            methods.caption_en,
            bases.caption_en,
            'Not mapped are ' || {{ money_text('rated.unmapped_cost_eur', 'en') }} || ' of '
            || {{ money_text('rated.mappable_cost_eur', 'en') }} || ' EUR of the ledger ('
            || {{ percent_text('rated.unmapped_pct', 'en') }} || ' %; above '
            || {{ percent_text('rated.unmapped_limit_pct', 'en') }} || ' % there is no figure).',
            case
                when rated.rate_reason is null and rated.unmapped_high_eur - rated.unmapped_low_eur > 0
                    then 'The interval holds that none or all of it is cost of the group.'
            end,
            case
                when rated.rate_reason is not null or not rated.has_class then null
                when rated.is_published
                    then 'Counts of the population register are rounded to {{ var('register_rounding_base') }};'
                        || ' the rate shown is the published one, which lies within what they allow.'
                else
                    'Counts of the population register are rounded to {{ var('register_rounding_base') }}, and the rate to '
                    || {{ whole_text('rated.rate_step_eur', 'en') }}
                    || ' EUR, so that each of the possible counts of persons gives it.'
            end
        ) as caption_en,
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
