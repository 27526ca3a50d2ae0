-- That a delivery which had been held was accepted, when and why, is everybody's to know; the account that did it is not.

-- Contents published before keep their rows, without the column. The views of it are made again from what the mart declares.
alter table if exists published.provenance drop column if exists accepted_by cascade;

create view marts_internal.delivery_decision as
select
    d.source,
    d.period,
    d.file_name,
    d.sha256,
    e.delivery_id,
    e.state,
    e.at as decided_at,
    e.by as decided_by,
    e.why as decided_why
from raw.delivery_event as e
inner join raw.delivery as d on e.delivery_id = d.delivery_id
where e.state in ('held', 'accepted', 'refused', 'superseded', 'withdrawn');
comment on view marts_internal.delivery_decision is
    'Every decision on a delivery, with the account that made it: for the house alone. Live, not of a publication.';
comment on column marts_internal.delivery_decision.source is 'Source id.';
comment on column marts_internal.delivery_decision.period is 'Period of the delivery, as its contract names it.';
comment on column marts_internal.delivery_decision.file_name is 'File as it was delivered.';
comment on column marts_internal.delivery_decision.sha256 is 'SHA-256 of the delivered file.';
comment on column marts_internal.delivery_decision.delivery_id is 'Number of the delivery in the ledger.';
comment on column marts_internal.delivery_decision.state is 'What it became: held, accepted, refused, superseded, withdrawn.';
comment on column marts_internal.delivery_decision.decided_at is 'When.';
comment on column marts_internal.delivery_decision.decided_by is 'Account that decided, or under which the pipeline ran.';
comment on column marts_internal.delivery_decision.decided_why is 'Why, in that person''s words or the pipeline''s.';
grant select on marts_internal.delivery_decision to statistics_office;

-- What a build cannot read it cannot publish.
revoke select on raw.delivery_event from lagebild_builder;
grant select (event_id, delivery_id, state, at, why) on raw.delivery_event to lagebild_builder;
