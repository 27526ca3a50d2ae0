-- grain: one row per mart, row of the mart, figure (column) and node of the figure's tree.
-- A node's value is its operation over its children's values; leaves are rows or aggregates of deliveries, parameters of
-- the project's own tables, and figures of other marts, whose tree goes on under their own key.
with

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

nodes as (

    {{ united_nodes([
        ref('int_provenance__city_district_population_node'),
        ref('int_provenance__component_node'),
        ref('int_provenance__cost_bridge_node'),
        ref('int_provenance__cost_comparability_node'),
        ref('int_provenance__cost_extrapolation_node'),
        ref('int_provenance__cost_per_person_interval_node'),
        ref('int_provenance__cost_per_person_node'),
        ref('int_provenance__employment_node'),
        ref('int_provenance__early_education_node'),
        ref('int_provenance__eu2_population_node'),
        ref('int_provenance__foreign_population_node'),
        ref('int_provenance__funding_cliff_node'),
        ref('int_provenance__funding_granted_node'),
        ref('int_provenance__indicator_node'),
        ref('int_provenance__integration_course_node'),
        ref('int_provenance__ledger_choice_node'),
        ref('int_provenance__lump_sum_simulation_node'),
        ref('int_provenance__migration_background_node'),
        ref('int_provenance__mikrozensus_estimate_node'),
        ref('int_provenance__minimum_income_node'),
        ref('int_provenance__municipal_profile_node'),
        ref('int_provenance__population_reconciliation_node'),
        ref('int_provenance__naturalisation_node'),
        ref('int_provenance__programme_outcome_node'),
        ref('int_provenance__programme_reach_node'),
        ref('int_provenance__protection_status_node'),
        ref('int_provenance__published_claim_node'),
        ref('int_provenance__read_node'),
        ref('int_provenance__refinancing_node'),
        ref('int_provenance__toleration_node'),
        ref('int_provenance__territorial_series_node'),
    ]) }}

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
