-- grain: one row per mart, row of the mart, figure (column) and node of the figure's tree.
-- A node's value is its operation over its children's values; leaves are rows or aggregates of deliveries, parameters of
-- the project's own tables, and figures of other marts, whose tree goes on under their own key.
with

components as (

    select * from {{ ref('cost_component') }}

),

component_nodes as (

    select * from {{ ref('int_provenance__component_node') }}

),

rates as (

    select * from {{ ref('int_cost__rate') }}

),

costs as (

    select * from {{ ref('cost_per_person') }}

),

extrapolations as (

    select * from {{ ref('cost_extrapolation') }}

),

lump_sums as (

    select * from {{ ref('lump_sum_simulation') }}

),

bridges as (

    select * from {{ ref('cost_bridge') }}

),

comparabilities as (

    select * from {{ ref('cost_comparability') }}

),

circumstances as (

    select * from {{ ref('municipal_circumstance') }}

),

ledger_choices as (

    select * from {{ ref('ledger_choice') }}

),

chosen_lines as (

    select * from {{ ref('int_cost__ledger_choice') }}

),

populations as (

    select * from {{ ref('eu2_population') }}

),

refinancings as (

    select * from {{ ref('refinancing') }}

),

cliffs as (

    select * from {{ ref('funding_cliff') }}

),

outcomes as (

    select * from {{ ref('programme_outcome') }}

),

courses as (

    select * from {{ ref('integration_course') }}

),

profiles as (

    select * from {{ ref('municipal_profile') }}

),

-- which lines of a file a shown cell holds tells of the lines of hidden ones: said only where nothing of a list is hidden
granteds as (

    select
        granted.*,
        bool_and(granted.operations is not null) over (partition by granted.source_sha256) as is_list_shown
    from {{ ref('funding_granted') }} as granted

),

grants as (

    select * from {{ ref('int_funding__grant') }}

),

claims as (

    select * from {{ ref('published_claim') }}

),

methods as (

    select * from {{ ref('cost_method') }}

),

receipts as (

    select * from {{ ref('stg_funding_received__receipt') }}

),

programme_measures as (

    select * from {{ ref('stg_programme_measure__measure') }}

),

read_rows as (

    select * from {{ ref('int_provenance__read_row') }}

),

counted_rows as (

    select * from {{ ref('int_provenance__counted_row') }}

),

deliveries as (

    select * from {{ ref('int_provenance__delivery') }}

),

labels as (

    select * from {{ ref('provenance_label') }}

),

reasons as (

    -- a reason that several scopes know means the same in each
    select distinct on (reason) *
    from {{ ref('reason') }}
    order by reason asc, scope asc

),

cost_trees as (

    select
        'cost_per_person' as mart,
        {{ row_key(['costs.municipality_ags', 'costs.reference_year', 'costs.method']) }} as row_key,
        'cost_per_person_rounded_eur' as figure,
        costs.municipality_ags as region_code,
        costs.reference_year,
        costs.method,
        costs.total_cost_eur,
        -- as it was computed: the mart shows six decimals of it
        rates.cost_per_person_eur,
        costs.cost_per_person_low_eur,
        costs.cost_per_person_high_eur,
        costs.published_cost_per_person_eur,
        costs.published_precision,
        rates.rate_step_eur,
        rates.has_class,
        rates.is_published,
        rates.cost_precision_eur,
        rates.denominator_low_persons,
        rates.denominator_high_persons,
        rates.denominator_class_low_persons,
        rates.denominator_class_high_persons,
        rates.unmapped_low_eur,
        rates.unmapped_high_eur,
        costs.cost_per_person_rounded_eur,
        costs.denominator_persons,
        costs.population_persons,
        costs.population_source,
        costs.population_evidence,
        costs.employees_persons,
        costs.employees_place_basis,
        costs.employees_evidence,
        costs.reference_date,
        costs.evidence,
        costs.cost_evidence,
        costs.reason,
        methods.label_de,
        methods.label_en,
        methods.rate_rounding_digits,
        methods.denominator_rule
    from costs
    inner join rates
        on costs.municipality_ags = rates.municipality_ags
            and costs.reference_year = rates.fiscal_year
            and costs.method = rates.method
    inner join methods
        on costs.method = methods.method

),

-- both ends of a rate: the total and the denominator at the ends of what their rounding leaves open, and of the ledger
-- none or all of what is not mapped and could be the group's
interval_trees as (

    select
        cost_trees.mart,
        cost_trees.row_key,
        ends.figure,
        cost_trees.region_code,
        cost_trees.reference_year,
        cost_trees.method,
        cost_trees.total_cost_eur,
        cost_trees.cost_precision_eur,
        cost_trees.denominator_persons,
        abs(ends.persons - cost_trees.denominator_persons) as denominator_precision_persons,
        cost_trees.rate_step_eur,
        ends.operation,
        cost_trees.evidence,
        ends.cost_label,
        ends.cost_operation,
        ends.cost_eur,
        ends.unmapped_eur,
        ends.persons_label,
        ends.persons_operation,
        ends.persons,
        ends.value
    from cost_trees
    cross join
        lateral (
            values
            (
                'cost_per_person_low_eur', cost_per_person_low_eur, case when has_class then 'ratio_down' else 'ratio' end,
                'total_cost_low_eur', 'difference', total_cost_eur + unmapped_low_eur - cost_precision_eur, unmapped_low_eur,
                'denominator_high_persons', 'sum', denominator_high_persons
            ),
            (
                'cost_per_person_high_eur', cost_per_person_high_eur, case when has_class then 'ratio_up' else 'ratio' end,
                'total_cost_high_eur', 'sum', total_cost_eur + unmapped_high_eur + cost_precision_eur, unmapped_high_eur,
                'denominator_low_persons', 'difference', denominator_low_persons
            )
        )
            as ends (
                figure, value, operation,
                cost_label, cost_operation, cost_eur, unmapped_eur,
                persons_label, persons_operation, persons
            )
    where ends.value is not null

),

-- each amount that is not mapped and could be the group's, at the end of the interval that it moves
unmapped_components as (

    select
        interval_trees.mart,
        interval_trees.row_key,
        interval_trees.figure,
        interval_trees.region_code,
        interval_trees.reference_year,
        interval_trees.method,
        components.product_code || ' ' || components.account_code as detail,
        components.amount_eur,
        {{ component_key('components') }} as component_key,
        row_number() over (
            partition by interval_trees.row_key, interval_trees.figure
            order by
                components.product_code, components.account_code, components.target_group, components.source_sha256
        ) as component_number
    from interval_trees
    inner join methods
        on interval_trees.method = methods.method
    inner join components
        on interval_trees.region_code = components.municipality_ags
            and interval_trees.reference_year = components.fiscal_year
            and interval_trees.method = components.method
            and components.exclusion_reason = 'unmapped'
            and components.target_group in (methods.target_group, 'all')
            and sign(components.amount_eur) = sign(interval_trees.unmapped_eur)
    where components.amount_eur <> 0

),

attributed_components as (

    select
        components.municipality_ags,
        components.fiscal_year,
        components.method,
        {{ component_key('components') }} as component_key,
        row_number() over (
            partition by components.municipality_ags, components.fiscal_year, components.method
            order by
                components.product_code, components.account_code, components.target_group, components.source_sha256
        ) as component_number
    from components
    where components.treatment = 'attributed'

),

extrapolation_trees as (

    select
        'cost_extrapolation' as mart,
        {{ row_key([
            'extrapolations.municipality_ags',
            'extrapolations.reference_year',
            'extrapolations.method',
            'extrapolations.region_code',
            'extrapolations.persons_year',
        ]) }} as row_key,
        'extrapolated_cost_rounded_rate_eur' as figure,
        extrapolations.municipality_ags as region_code,
        extrapolations.reference_year,
        extrapolations.method,
        {{ row_key(['extrapolations.municipality_ags', 'extrapolations.reference_year', 'extrapolations.method']) }} as rate_key,
        extrapolations.region_code as persons_region_code,
        extrapolations.region_name,
        extrapolations.persons_year,
        extrapolations.reference_date,
        extrapolations.cost_per_person_rounded_eur,
        extrapolations.cost_per_person_eur,
        extrapolations.price_factor,
        coalesce(extrapolations.price_factor, 1) <> 1 as is_repriced,
        extrapolations.denominator_persons,
        extrapolations.population_persons,
        extrapolations.population_source,
        extrapolations.population_evidence,
        extrapolations.employees_persons,
        extrapolations.employees_place_basis,
        extrapolations.employees_evidence,
        extrapolations.extrapolated_cost_rounded_rate_eur,
        extrapolations.evidence,
        extrapolations.rate_evidence,
        extrapolations.reason,
        methods.rate_rounding_digits,
        methods.denominator_rule,
        case
            when coalesce(extrapolations.price_factor, 1) = 1 then extrapolations.cost_per_person_rounded_eur
            else round(rates.cost_per_person_eur * extrapolations.price_factor, methods.rate_rounding_digits)
        end as rate_eur,
        rates.cost_per_person_eur as exact_rate_eur
    from extrapolations
    inner join rates
        on extrapolations.municipality_ags = rates.municipality_ags
            and extrapolations.reference_year = rates.fiscal_year
            and extrapolations.method = rates.method
    inner join methods
        on extrapolations.method = methods.method

),

lump_sum_trees as (

    select
        'lump_sum_simulation' as mart,
        {{ row_key(['municipality_ags', 'reference_year', 'method', 'lump_sum']) }} as row_key,
        'lump_sum_eur' as figure,
        municipality_ags as region_code,
        lump_sums.*
    from lump_sums

),

population_trees as (

    select
        'eu2_population' as mart,
        {{ row_key(['region_code', 'reference_date', 'source']) }} as row_key,
        'eu2_persons' as figure,
        region_code,
        cast(extract(year from reference_date) as integer) as reference_year,
        cast(null as text) as method,
        reference_date,
        source as population_source,
        eu2_persons,
        eu2_evidence,
        reason,
        {{ row_key(['region_code', 'previous_reference_date', 'source']) }} as previous_key,
        change_persons,
        change_basis
    from populations

),

-- every place in a tree where persons or employees of a region and day stand, as far as the mart shows them
counted_uses as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        '1.1.2.1' as node_path,
        'population_persons' as label,
        population_persons as counted,
        population_evidence as evidence,
        population_source as source,
        region_code as counted_region_code,
        reference_date,
        'residence' as place_basis
    from cost_trees

    union all

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        '1.1.2.2' as node_path,
        'employees_persons' as label,
        employees_persons as counted,
        employees_evidence as evidence,
        'employment' as source,
        region_code as counted_region_code,
        reference_date,
        employees_place_basis as place_basis
    from cost_trees
    where denominator_rule = 'population_minus_employees'

    union all

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        '1.1.2.1' as node_path,
        'population_persons' as label,
        population_persons as counted,
        population_evidence as evidence,
        population_source as source,
        persons_region_code as counted_region_code,
        reference_date,
        'residence' as place_basis
    from extrapolation_trees

    union all

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        '1.1.2.2' as node_path,
        'employees_persons' as label,
        employees_persons as counted,
        employees_evidence as evidence,
        'employment' as source,
        persons_region_code as counted_region_code,
        reference_date,
        employees_place_basis as place_basis
    from extrapolation_trees
    where denominator_rule = 'population_minus_employees'

    union all

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        '1.2' as node_path,
        'population_persons' as label,
        population_persons as counted,
        population_evidence as evidence,
        population_source as source,
        region_code as counted_region_code,
        reference_date,
        'residence' as place_basis
    from lump_sum_trees

    union all

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        '1.1' as node_path,
        'eu2_persons' as label,
        eu2_persons as counted,
        eu2_evidence as evidence,
        population_source as source,
        region_code as counted_region_code,
        reference_date,
        'residence' as place_basis
    from population_trees

),

counted_used as (

    select
        counted_uses.*,
        counted_rows.counted_group,
        counted_rows.counted as delivered_count,
        counted_rows.line_number,
        counted_rows.source_sha256,
        counted_rows.evidence as row_evidence,
        row_number() over tree_node as part_number,
        count(counted_rows.source_sha256) over (
            partition by
                counted_uses.mart, counted_uses.row_key, counted_uses.figure, counted_uses.node_path
        ) as part_count
    from counted_uses
    left join counted_rows
        on counted_uses.source = counted_rows.source
            and counted_uses.counted_region_code = counted_rows.region_code
            and counted_uses.reference_date = counted_rows.reference_date
            and counted_uses.place_basis = counted_rows.place_basis
            and (counted_rows.counted_group = 'EU2' or counted_rows.source = 'azr_nrw')
    window tree_node as (
        partition by counted_uses.mart, counted_uses.row_key, counted_uses.figure, counted_uses.node_path
        order by counted_rows.counted_group
    )

),

read_numbered as (

    select
        read_rows.*,
        cast(null as text) as method,
        row_number() over (
            partition by mart, row_key, figure
            order by source_sha256, line_number
        ) as part_number,
        count(*) over (partition by mart, row_key, figure) as part_count,
        max(value * factor) over (partition by mart, row_key, figure) as figure_value
    from read_rows

),

refinancing_trees as (

    select
        'refinancing' as mart,
        {{ row_key(['region_code', 'accrual_year', 'method', 'funding_level']) }} as row_key,
        'received_eur' as figure,
        {{ row_key(['region_code', 'accrual_year', 'method']) }} as level_key,
        refinancings.*
    from refinancings

),

received_rows as (

    select
        refinancing_trees.mart,
        refinancing_trees.row_key,
        refinancing_trees.figure,
        refinancing_trees.region_code,
        refinancing_trees.reference_year,
        refinancing_trees.method,
        receipts.amount_eur,
        receipts.amount_printed,
        receipts.evidence,
        'funding_received' as source,
        receipts.source_sha256,
        receipts.line_number,
        row_number() over (
            partition by refinancing_trees.row_key
            order by receipts.source_sha256, receipts.line_number
        ) as part_number
    from refinancing_trees
    inner join receipts
        on refinancing_trees.region_code = receipts.region_code
            and refinancing_trees.accrual_year = coalesce(cast(receipts.accrual_year as text), 'not_stated')
            and refinancing_trees.funding_level = receipts.funding_level

),

choice_trees as (

    select
        'ledger_choice' as mart,
        {{ row_key([
            'ledger_choices.municipality_ags',
            'ledger_choices.fiscal_year',
            'ledger_choices.booked_year',
            'ledger_choices.source_sha256',
        ]) }} as row_key,
        'amount_eur' as figure,
        ledger_choices.municipality_ags as region_code,
        ledger_choices.fiscal_year as reference_year,
        cast(null as text) as method,
        ledger_choices.amount_eur,
        coalesce(ledger_choices.amount_reason, ledger_choices.reason) as reason,
        ledger_choices.evidence,
        ledger_choices.source,
        ledger_choices.source_sha256,
        chosen_lines.line_count,
        chosen_lines.first_line,
        chosen_lines.last_line,
        case
            when chosen_lines.last_line - chosen_lines.first_line + 1 = chosen_lines.line_count
                then {{ line_range('chosen_lines.first_line', 'chosen_lines.last_line') }}
        end as row_numbers
    from ledger_choices
    inner join chosen_lines
        on ledger_choices.municipality_ags = chosen_lines.municipality_ags
            and ledger_choices.fiscal_year = chosen_lines.fiscal_year
            and ledger_choices.booked_year = chosen_lines.booked_year
            and ledger_choices.source_sha256 = chosen_lines.source_sha256

),

-- of what is not shown there is no tree
granted_trees as (

    select
        'funding_granted' as mart,
        {{ row_key(['granteds.source_sha256', 'granteds.funder', 'granteds.region_code', 'granteds.begin_year']) }} as row_key,
        sums.figure,
        granteds.region_code,
        case when granteds.begin_year ~ '^[0-9]+$' then cast(granteds.begin_year as integer) end as reference_year,
        cast(null as text) as method,
        sums.label,
        sums.value,
        granteds.granted_pct,
        granteds.total_cost_eur,
        granteds.granted_eur,
        granteds.evidence,
        granteds.source,
        granteds.source_sha256,
        granteds.operations,
        case when granteds.is_list_shown then grants.first_line end as first_line,
        case when granteds.is_list_shown then grants.last_line end as last_line,
        case when granteds.is_list_shown then grants.row_numbers end as row_numbers
    from granteds
    inner join grants
        on granteds.source_sha256 = grants.source_sha256
            and granteds.funder = grants.funder
            and granteds.region_code = grants.region_code
            and granteds.begin_year = grants.begin_year
    cross join
        lateral (
            values
            ('total_cost_eur', 'eligible_cost_eur', granteds.total_cost_eur),
            (
                'granted_eur', case granteds.funding_level when 'EU' then 'union_share_eur' else 'federal_amount_eur' end,
                granteds.granted_eur
            )
        ) as sums (figure, label, value)
    where sums.value is not null

),

cliff_rows as (

    select
        'funding_cliff' as mart,
        {{ row_key(['cliffs.measure_id', 'cliffs.receiving_programme_id', 'cliffs.module_number', 'cliffs.stated_by']) }} as row_key,
        'last_year' as figure,
        cliffs.region_code,
        cliffs.last_year as reference_year,
        cast(null as text) as method,
        cliffs.last_year,
        cliffs.reason,
        cliffs.evidence,
        'programme_measure' as source,
        programme_measures.source_sha256,
        programme_measures.line_number
    from cliffs
    inner join programme_measures
        on cliffs.measure_id = programme_measures.measure_id

),

claim_trees as (

    select
        'published_claim' as mart,
        claims.figure_id as row_key,
        'compared_value' as figure,
        claims.region_code,
        claims.reference_year,
        cast(null as text) as method,
        claims.compared_value,
        claims.evidence
    from claims
    where claims.compared_value is not null

),

-- figures computed from two figures that have trees of their own
computed_figures as (

    select
        'refinancing' as mart,
        row_key,
        computed.figure,
        region_code,
        reference_year,
        method,
        computed.operation,
        computed.digits,
        computed.value,
        evidence,
        reason,
        computed.first_value,
        computed.first_mart,
        computed.first_key,
        computed.first_figure,
        computed.first_path,
        computed.second_value,
        computed.second_mart,
        computed.second_key,
        computed.second_figure,
        computed.second_path
    from refinancing_trees
    cross join
        lateral (
            values
            (
                'rate_pct', 'percentage', 2, rate_pct,
                received_eur, 'refinancing', row_key, 'received_eur', '1',
                cost_eur, 'cost_per_person', level_key, 'cost_per_person_rounded_eur', '1.1.1'
            ),
            (
                'gap_eur', 'difference', null, gap_eur,
                cost_eur, 'cost_per_person', level_key, 'cost_per_person_rounded_eur', '1.1.1',
                received_eur, 'refinancing', row_key, 'received_eur', '1'
            )
        )
            as computed (
                figure, operation, digits, value,
                first_value, first_mart, first_key, first_figure, first_path,
                second_value, second_mart, second_key, second_figure, second_path
            )
    where computed.value is not null

    union all

    select
        mart,
        row_key,
        'granted_pct' as figure,
        region_code,
        reference_year,
        method,
        'percentage' as operation,
        2 as digits,
        granted_pct as value,
        evidence,
        cast(null as text) as reason,
        granted_eur as first_value,
        mart as first_mart,
        row_key as first_key,
        'granted_eur' as first_figure,
        '1' as first_path,
        total_cost_eur as second_value,
        mart as second_mart,
        row_key as second_key,
        'total_cost_eur' as second_figure,
        '1' as second_path
    from granted_trees
    where granted_pct is not null
        and figure = 'granted_eur'

    union all

    select
        'lump_sum_simulation' as mart,
        row_key,
        'covered_pct' as figure,
        region_code,
        reference_year,
        method,
        'percentage' as operation,
        1 as digits,
        covered_pct as value,
        evidence,
        reason,
        lump_sum_eur as first_value,
        'lump_sum_simulation' as first_mart,
        row_key as first_key,
        'lump_sum_eur' as first_figure,
        '1' as first_path,
        total_cost_eur as second_value,
        'cost_per_person' as second_mart,
        {{ row_key(['region_code', 'reference_year', 'method']) }} as second_key,
        'cost_per_person_rounded_eur' as second_figure,
        '1.1.1' as second_path
    from lump_sum_trees
    where covered_pct is not null

    union all

    select
        'municipal_profile' as mart,
        {{ row_key(['region_code', 'reference_year']) }} as row_key,
        computed.figure,
        region_code,
        reference_year,
        cast(null as text) as method,
        'percentage' as operation,
        1 as digits,
        computed.value,
        evidence,
        cast(null as text) as reason,
        computed.part as first_value,
        'municipal_profile' as first_mart,
        {{ row_key(['region_code', 'reference_year']) }} as first_key,
        computed.part_figure as first_figure,
        '1' as first_path,
        population_persons as second_value,
        'municipal_profile' as second_mart,
        {{ row_key(['region_code', 'reference_year']) }} as second_key,
        'population_persons' as second_figure,
        '1' as second_path
    from profiles
    cross join
        lateral (
            values
            ('foreign_pct_recomputed', foreign_pct_recomputed, foreign_persons, 'foreign_persons'),
            (
                'migration_background_pct_recomputed', migration_background_pct_recomputed,
                migration_background_persons, 'migration_background_persons'
            )
        ) as computed (figure, value, part, part_figure)
    where computed.value is not null

    union all

    select
        'programme_outcome' as mart,
        {{ row_key(['programme_id', 'region_code', 'period_printed']) }} as row_key,
        'eur_per_result' as figure,
        region_code,
        cast(null as integer) as reference_year,
        cast(null as text) as method,
        'ratio' as operation,
        2 as digits,
        eur_per_result as value,
        evidence,
        eur_per_result_reason as reason,
        own_cost_eur as first_value,
        'programme_outcome' as first_mart,
        {{ row_key(['programme_id', 'region_code', 'period_printed']) }} as first_key,
        'own_cost_eur' as first_figure,
        '1' as first_path,
        results_cases as second_value,
        'programme_outcome' as second_mart,
        {{ row_key(['programme_id', 'region_code', 'period_printed']) }} as second_key,
        'results_cases' as second_figure,
        '1' as second_path
    from outcomes
    where eur_per_result is not null

    union all

    select
        'integration_course' as mart,
        {{ row_key(['region_code', 'stated_year', 'reference_month']) }} as row_key,
        'eur_per_course' as figure,
        region_code,
        stated_year as reference_year,
        cast(null as text) as method,
        'ratio' as operation,
        2 as digits,
        eur_per_course as value,
        evidence,
        eur_per_course_reason as reason,
        federal_money_eur as first_value,
        'integration_course' as first_mart,
        {{ row_key(['region_code', 'stated_year', 'reference_month']) }} as first_key,
        'federal_money_eur' as first_figure,
        '1' as first_path,
        courses as second_value,
        'integration_course' as second_mart,
        {{ row_key(['region_code', 'stated_year', 'reference_month']) }} as second_key,
        'courses' as second_figure,
        '1' as second_path
    from courses
    where eur_per_course is not null

    union all

    select
        'eu2_population' as mart,
        changed.row_key,
        'change_persons' as figure,
        changed.region_code,
        changed.reference_year,
        changed.method,
        'difference' as operation,
        null as digits,
        changed.change_persons as value,
        changed.eu2_evidence as evidence,
        null as reason,
        changed.eu2_persons as first_value,
        'eu2_population' as first_mart,
        changed.row_key as first_key,
        'eu2_persons' as first_figure,
        '1' as first_path,
        former.eu2_persons as second_value,
        'eu2_population' as second_mart,
        changed.previous_key as second_key,
        'eu2_persons' as second_figure,
        '1' as second_path
    from population_trees as changed
    inner join population_trees as former
        on changed.previous_key = former.row_key
    where changed.change_basis = 'recomputed'

    union all

    select
        'cost_bridge' as mart,
        {{ row_key([
            'municipality_ags', 'measure', 'region_code', 'from_method', 'from_year', 'to_method', 'to_year', 'part'
        ]) }} as row_key,
        'difference_eur' as figure,
        municipality_ags as region_code,
        to_year as reference_year,
        to_method as method,
        'difference' as operation,
        null as digits,
        difference_eur as value,
        evidence,
        reason,
        to_eur as first_value,
        bridged.mart as first_mart,
        case bridged.mart
            when 'cost_per_person' then {{ row_key(['municipality_ags', 'to_year', 'to_method']) }}
            else {{ row_key(['municipality_ags', 'to_year', 'to_method', 'region_code', 'to_year']) }}
        end as first_key,
        bridged.figure as first_figure,
        bridged.path as first_path,
        from_eur as second_value,
        bridged.mart as second_mart,
        case bridged.mart
            when 'cost_per_person' then {{ row_key(['municipality_ags', 'from_year', 'from_method']) }}
            else {{ row_key(['municipality_ags', 'from_year', 'from_method', 'region_code', 'from_year']) }}
        end as second_key,
        bridged.figure as second_figure,
        bridged.path as second_path
    from bridges
    inner join (
        values
        ('total_cost_eur', 'cost_per_person', 'cost_per_person_rounded_eur', '1.1.1'),
        ('extrapolated_cost_eur', 'cost_extrapolation', 'extrapolated_cost_rounded_rate_eur', '1')
    ) as bridged (bridged_measure, mart, figure, path)
        on bridges.measure = bridged.bridged_measure

),

{{ bridge_trees('bridges', 'cost_trees', 'extrapolation_trees') }},

{{ comparability_trees('comparabilities', 'circumstances') }},

nodes as (

    select
        mart,
        row_key,
        figure,
        region_code,
        reference_year,
        method,
        node_path,
        node_kind,
        operation,
        label,
        detail_de,
        detail_en,
        digits,
        evidence,
        reason,
        source,
        sha256,
        first_line,
        last_line,
        row_count,
        row_numbers,
        refers_to_mart,
        refers_to_row_key,
        refers_to_figure,
        refers_to_path,
        value
    from component_nodes

    union all

    select * from bridge_nodes

    union all

    select * from comparability_nodes

    union all

    -- cost per person: the rate, its total of components, its denominator of counts
    select
        {{ node("'1'", "'figure'", "'rounded'", "'cost_per_person_rounded_eur'", 'cost_per_person_rounded_eur',
            digits='rate_rounding_digits', evidence='evidence', reason='reason', detail_de='label_de',
            detail_en='label_en') }}
    from cost_trees

    union all

    select
        {{ node("'1.1'", "'component'",
            "case when is_published then 'published_of_class' when has_class then 'ratio_of_class' else 'ratio' end",
            "'cost_per_person_eur'", 'cost_per_person_eur', evidence='evidence') }}
    from cost_trees

    union all

    select
        {{ node("'1.1.1'", "'component'", "'sum'", "'total_cost_eur'", 'total_cost_eur', evidence='cost_evidence') }}
    from cost_trees

    union all

    select
        cost_trees.mart,
        cost_trees.row_key,
        cost_trees.figure,
        cost_trees.region_code,
        cost_trees.reference_year,
        cost_trees.method,
        '1.1.1.' || numbered.component_number || substr(component_nodes.node_path, 2) as node_path,
        case component_nodes.node_kind when 'figure' then 'component' else component_nodes.node_kind end as node_kind,
        component_nodes.operation,
        component_nodes.label,
        component_nodes.detail_de,
        component_nodes.detail_en,
        component_nodes.digits,
        component_nodes.evidence,
        component_nodes.reason,
        component_nodes.source,
        component_nodes.sha256,
        component_nodes.first_line,
        component_nodes.last_line,
        component_nodes.row_count,
        component_nodes.row_numbers,
        component_nodes.refers_to_mart,
        component_nodes.refers_to_row_key,
        component_nodes.refers_to_figure,
        component_nodes.refers_to_path,
        component_nodes.value
    from cost_trees
    inner join attributed_components as numbered
        on cost_trees.region_code = numbered.municipality_ags
            and cost_trees.reference_year = numbered.fiscal_year
            and cost_trees.method = numbered.method
            -- the part of a cost that happens to be mapped is no total
            and cost_trees.total_cost_eur is not null
    inner join component_nodes
        on numbered.component_key = component_nodes.row_key

    union all

    select
        {{ node("'1.1.2'", "'component'", "case denominator_rule when 'population' then 'read' else 'difference' end",
            "'denominator_persons'", 'denominator_persons', evidence='evidence') }}
    from cost_trees

    union all

    -- what the denominator may be, where its persons come from a register, and what the rate is rounded to or printed as
    select
        {{ node('ends.node_path', "'parameter'", "'given'", 'ends.label', 'ends.value', detail_de='ends.detail',
            detail_en='ends.detail') }}
    from cost_trees
    cross join
        lateral (
            values
            ('1.1.3', 'denominator_class_low_persons', cast(denominator_class_low_persons as numeric), null),
            ('1.1.4', 'denominator_class_high_persons', denominator_class_high_persons, null),
            (
                '1.1.5',
                case when is_published then 'published_cost_per_person_eur' else 'rate_step_eur' end,
                case when is_published then published_cost_per_person_eur else rate_step_eur end,
                case when is_published then published_precision end
            )
        ) as ends (node_path, label, value, detail)
    where has_class
        and cost_per_person_eur is not null

    union all

    -- the ends of its interval
    select
        {{ node("'1'", "'figure'", 'operation', 'figure', 'value', digits="case operation when 'ratio' then 2 end",
            evidence='evidence') }}
    from interval_trees

    union all

    select
        {{ node("'1.3'", "'parameter'", "'given'", "'rate_step_eur'", 'rate_step_eur') }}
    from interval_trees
    where operation <> 'ratio'

    union all

    select
        {{ node("'1.1'", "'component'", 'cost_operation', 'cost_label', 'cost_eur') }}
    from interval_trees

    union all

    select
        {{ node("case when unmapped_eur = 0 then '1.1.1' else '1.1.1.1' end", "'figure_reference'", "'refers'",
            "'total_cost_eur'", 'total_cost_eur', refers_to_mart='mart', refers_to_row_key='row_key',
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1.1.1'") }}
    from interval_trees

    union all

    select
        {{ node("'1.1.1'", "'component'", "'sum'", "'total_with_unmapped_eur'", 'total_cost_eur + unmapped_eur') }}
    from interval_trees
    where unmapped_eur <> 0

    union all

    select
        {{ node("'1.1.1.' || (component_number + 1)", "'figure_reference'", "'refers'", "'amount_eur'", 'amount_eur',
            detail_de='detail', detail_en='detail', refers_to_mart="'cost_component'", refers_to_row_key='component_key',
            refers_to_figure="'amount_eur'", refers_to_path="'1'") }}
    from unmapped_components

    union all

    select
        {{ node("'1.1.2'", "'parameter'", "'given'", "'cost_precision_eur'", 'cost_precision_eur') }}
    from interval_trees

    union all

    select
        {{ node("'1.2'", "'component'", 'persons_operation', 'persons_label', 'persons') }}
    from interval_trees

    union all

    select
        {{ node("'1.2.1'", "'figure_reference'", "'refers'", "'denominator_persons'", 'denominator_persons',
            refers_to_mart='mart', refers_to_row_key='row_key', refers_to_figure="'cost_per_person_rounded_eur'",
            refers_to_path="'1.1.2'") }}
    from interval_trees

    union all

    select
        {{ node("'1.2.2'", "'parameter'", "'given'", "'denominator_precision_persons'",
            'denominator_precision_persons') }}
    from interval_trees

    union all

    -- extrapolation: the rate of the municipality, at the prices of the persons' year, times the persons of the region
    select
        {{ node("'1'", "'figure'", "'rounded'", "'extrapolated_cost_rounded_rate_eur'",
            'extrapolated_cost_rounded_rate_eur',
            digits='0', evidence='evidence', reason='reason', detail_de='region_name', detail_en='region_name') }}
    from extrapolation_trees

    union all

    select
        {{ node("'1.1'", "'component'", "'product'", "'extrapolated_cost_eur'",
            'case when reason is null then rate_eur * denominator_persons end',
            evidence='evidence') }}
    from extrapolation_trees

    union all

    select
        {{ node("'1.1.1'", "'figure_reference'", "'refers'", "'cost_per_person_rounded_eur'", 'rate_eur',
            evidence='rate_evidence',
            refers_to_mart="'cost_per_person'", refers_to_row_key='rate_key',
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1'") }}
    from extrapolation_trees
    where not is_repriced

    union all

    select
        {{ node("'1.1.1'", "'component'", "'rounded'", "'cost_per_person_rounded_eur'", 'rate_eur',
            evidence='rate_evidence',
            digits='rate_rounding_digits') }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.1.1'", "'component'", "'product'", "'cost_per_person_eur'",
            'exact_rate_eur * price_factor', evidence='rate_evidence') }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.1.1.1'", "'figure_reference'", "'refers'", "'cost_per_person_eur'", 'exact_rate_eur',
            evidence='rate_evidence',
            refers_to_mart="'cost_per_person'", refers_to_row_key='rate_key',
            refers_to_figure="'cost_per_person_rounded_eur'", refers_to_path="'1.1'") }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.1.1.2'", "'parameter'", "'given'", "'price_factor'", 'price_factor') }}
    from extrapolation_trees
    where is_repriced

    union all

    select
        {{ node("'1.1.2'", "'component'", "case denominator_rule when 'population' then 'read' else 'difference' end",
            "'denominator_persons'", 'denominator_persons', evidence='evidence', detail_de='region_name',
            detail_en='region_name') }}
    from extrapolation_trees

    union all

    -- lump sum: an assumed rate times all EU2 persons
    select
        {{ node("'1'", "'figure'", "'product'", "'lump_sum_eur'", 'lump_sum_eur', evidence='evidence', reason='reason',
            detail_de='lump_sum', detail_en='lump_sum') }}
    from lump_sum_trees

    union all

    select
        {{ node("'1.1'", "'parameter'", "'given'", "'rate_eur'", 'rate_eur', detail_de='demanded_by',
            detail_en='demanded_by') }}
    from lump_sum_trees

    union all

    -- counts of persons and employees
    select
        {{ node("'1'", "'figure'", "'read'", "'eu2_persons'", 'eu2_persons', evidence='eu2_evidence',
            reason='reason') }}
    from population_trees

    union all

    select
        {{ node(
            'node_path',
            "case when part_count = 0 then 'missing' when source = 'register' then 'delivery_aggregate' when part_count = 1 then 'delivery_rows' else 'component' end",
            "case when part_count = 0 then 'missing' when source = 'register' and evidence = 'published' then 'published_count' when source = 'register' then 'rounded_count' when part_count = 1 then 'read' else 'sum' end",
            'label', 'counted', evidence='evidence',
            source='case when part_count = 1 then source end', sha256='case when part_count = 1 then source_sha256 end',
            first_line='case when part_count = 1 then line_number end',
            last_line='case when part_count = 1 then line_number end',
            row_count="case when part_count = 1 and source <> 'register' then 1 end",
            row_numbers='case when part_count = 1 then cast(line_number as text) end'
        ) }}
    from counted_used
    where part_number = 1

    union all

    select
        {{ node(
            "node_path || '.' || part_number", "'delivery_rows'", "'read'", "'persons'", 'delivered_count',
            evidence='row_evidence',
            source='source', sha256='source_sha256', first_line='line_number', last_line='line_number',
            row_count='1', row_numbers='cast(line_number as text)', detail_de='counted_group', detail_en='counted_group'
        ) }}
    from counted_used
    where part_count > 1

    union all

    -- figures read from a delivered row as they stand there, or in its unit
    select
        {{ node("'1'", "'figure'", "case when part_count = 1 then 'read' else 'largest' end", 'figure',
            'figure_value', evidence='evidence') }}
    from read_numbered
    where part_number = 1

    union all

    select
        {{ node("'1.' || part_number", "'component'", "'product'", 'figure', 'value * factor', evidence='evidence') }}
    from read_numbered
    where factor <> 1

    union all

    select
        {{ row_leaf("'1.' || part_number || case when factor <> 1 then '.1' else '' end",
            "case when factor <> 1 then 'delivered_value' else figure end", 'value') }}
    from read_numbered

    union all

    select
        {{ node("'1.' || part_number || '.2'", "'parameter'", "'given'", "'unit_factor'", 'factor') }}
    from read_numbered
    where factor <> 1

    union all

    select
        {{ node("'1'", "'figure'", "'read'", "'last_year'", 'last_year', evidence='evidence', reason='reason') }}
    from cliff_rows

    union all

    select
        {{ row_leaf("'1.1'", "'last_year'", 'last_year') }}
    from cliff_rows

    union all

    -- a delivered ledger, whether it counts or not
    select
        {{ node("'1'", "'figure'", "'sum'", "'amount_eur'", 'amount_eur', evidence='evidence', reason='reason') }}
    from choice_trees

    union all

    select
        {{ node("'1.1'", "'delivery_rows'", "'sum'", "'booked_amount_eur'", 'amount_eur', evidence='evidence',
            source='source', sha256='source_sha256', first_line='first_line', last_line='last_line',
            row_count='line_count', row_numbers='row_numbers') }}
    from choice_trees
    -- of what is confidential no lines
    where amount_eur is not null

    union all

    -- granted operations: lines of a list, of which each gets its own share
    select
        {{ node("'1'", "'figure'", "'sum'", 'figure', 'value', evidence='evidence') }}
    from granted_trees

    union all

    select
        {{ node("'1.1'", "'delivery_rows'", "'sum'", 'label', 'value', evidence='evidence', source='source',
            sha256='source_sha256', first_line='first_line', last_line='last_line', row_count='operations',
            row_numbers='row_numbers') }}
    from granted_trees

    union all

    -- money received: rows of its payer, or the payers' sum
    select
        {{ node("'1'", "'figure'", "'sum'", "'received_eur'", 'received_eur', evidence='evidence', reason='reason',
            detail_de='funding_level', detail_en='funding_level') }}
    from refinancing_trees

    union all

    select
        {{ row_leaf("'1.' || part_number", "'received_eur'", 'amount_eur', detail='amount_printed') }}
    from received_rows

    union all

    select
        {{ node(
            "'1.' || payers.payer_number",
            "'figure_reference'", "'refers'", "'received_eur'", 'payers.received_eur', evidence='payers.payer_evidence',
            detail_de='payers.payer', detail_en='payers.payer',
            refers_to_mart="'refinancing'", refers_to_row_key='payers.payer_key',
            refers_to_figure="'received_eur'", refers_to_path="'1'"
        ) }}
    from (
        select
            sums.mart,
            sums.row_key,
            sums.figure,
            sums.region_code,
            sums.reference_year,
            sums.method,
            parts.received_eur,
            parts.evidence as payer_evidence,
            parts.funding_level as payer,
            parts.row_key as payer_key,
            row_number() over (partition by sums.row_key order by parts.funding_level) as payer_number
        from refinancing_trees as sums
        inner join refinancing_trees as parts
            on sums.level_key = parts.level_key
                and sums.funding_level = 'third_party'
                and parts.funding_level in ('EU', 'Bund', 'Land')
    ) as payers

    union all

    select
        {{ node("'1'", "'figure'", 'operation', 'figure', 'value', digits='digits', evidence='evidence',
            reason='reason') }}
    from computed_figures

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'",
            "case first_path when '1' then first_figure else 'total_cost_eur' end", 'first_value',
            refers_to_mart='first_mart', refers_to_row_key='first_key', refers_to_figure='first_figure',
            refers_to_path='first_path') }}
    from computed_figures

    union all

    select
        {{ node("'1.2'", "'figure_reference'", "'refers'",
            "case second_path when '1' then second_figure else 'total_cost_eur' end", 'second_value',
            refers_to_mart='second_mart', refers_to_row_key='second_key', refers_to_figure='second_figure',
            refers_to_path='second_path') }}
    from computed_figures

    union all

    select
        {{ node("'1'", "'figure'", "'read'", "'compared_value'", 'compared_value', evidence='evidence') }}
    from claim_trees

    union all

    select
        {{ node("'1.1'", "'figure_reference'", "'refers'", "'compared_value'", 'compared_value', evidence='evidence',
            refers_to_mart="'eu2_population'",
            refers_to_row_key="concat_ws('|', region_code, make_date(reference_year, 12, 31), 'eu2_series')",
            refers_to_figure="'change_persons'", refers_to_path="'1'") }}
    from claim_trees

),

final as (

    select
        nodes.mart,
        nodes.row_key,
        nodes.figure,
        nodes.node_path,
        nullif(regexp_replace(nodes.node_path, '\.?[0-9]+$', ''), '') as parent_path,
        row_number() over (
            partition by nodes.mart, nodes.row_key, nodes.figure
            order by cast(string_to_array(nodes.node_path, '.') as integer[])
        ) as node_order,
        cardinality(string_to_array(nodes.node_path, '.')) as depth,
        nodes.region_code,
        nodes.reference_year,
        nodes.method,
        nodes.node_kind,
        nodes.operation,
        operations.label_de as operation_de,
        operations.label_en as operation_en,
        nodes.digits,
        nodes.label,
        concat_ws(': ', labels.label_de, nodes.detail_de) as label_de,
        concat_ws(': ', labels.label_en, nodes.detail_en) as label_en,
        nodes.value,
        labels.unit,
        nodes.evidence,
        nodes.reason,
        reasons.description_de as reason_de,
        reasons.description_en as reason_en,
        nodes.source,
        deliveries.delivery_id,
        deliveries.file_name,
        nodes.sha256,
        nodes.first_line,
        nodes.last_line,
        nodes.row_count,
        nodes.row_numbers,
        deliveries.checks_passed_count,
        deliveries.checks_warned_count,
        deliveries.checks_failed_count,
        deliveries.accepted_at,
        deliveries.accepted_why,
        nodes.refers_to_mart,
        nodes.refers_to_row_key,
        nodes.refers_to_figure,
        nodes.refers_to_path
    from nodes
    left join labels
        on nodes.label = labels.code
            and labels.scope = 'value'
    left join labels as operations
        on nodes.operation = operations.code
            and operations.scope = 'operation'
    left join reasons
        on nodes.reason = reasons.reason
    left join deliveries
        on nodes.source = deliveries.source
            and nodes.sha256 = deliveries.sha256

)

select * from final
