-- grain: one row per municipality (or district) and year.
-- Printed shares stay as printed; each is recomputed where its parts are printed, and the two are compared.
with

municipalities as (

    select * from {{ ref('stg_structure_tables__municipality') }}

),

recomputed as (

    select
        municipalities.*,
        {{ printed_percentage('foreign_persons', 'population_persons') }} as foreign_pct_recomputed,
        {{ printed_percentage('migration_background_persons', 'population_persons') }}
            as migration_background_pct_recomputed
    from municipalities

),

final as (

    select
        region_code,
        municipality_name,
        reference_year,
        population_persons,
        foreign_persons,
        foreign_pct as foreign_pct_printed,
        foreign_pct_recomputed,
        {{ printed_verdict('foreign_pct', 'foreign_pct_recomputed') }} as foreign_pct_verdict,
        migration_background_persons,
        migration_background_pct as migration_background_pct_printed,
        migration_background_pct_recomputed,
        {{ printed_verdict('migration_background_pct', 'migration_background_pct_recomputed') }}
            as migration_background_pct_verdict,
        day_care_migration_background_pct as day_care_migration_background_pct_printed,
        day_care_year,
        printed_in,
        evidence,
        case
            when num_nonnulls(foreign_pct_recomputed, migration_background_pct_recomputed) > 0
                then {{ weakest_evidence(["'derived'", 'evidence']) }}
        end as recomputed_evidence
    from recomputed

)

select * from final
