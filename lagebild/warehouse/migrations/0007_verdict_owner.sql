-- Whom to ask about a verdict, and what the bounds of the next delivery are computed from.

alter table quality.verdict add column owner text;
comment on column quality.verdict.owner is 'Who answers questions about the expectation. Null: judged before this column.';

create table quality.statistic (
    delivery_id bigint not null references raw.delivery,
    statistic text not null,
    value numeric,
    primary key (delivery_id, statistic)
);
comment on table quality.statistic is
'Totals and shares of each delivery as the gate computed them: the history that later ones are held against.';
grant select, insert, update on quality.statistic to lagebild_loader;

-- Notes are for the log (quality.verdict keeps them): a reader of a publication is told what was found wrong.
create or replace view marts.publication_warning as
select
    p.publication_id,
    d.source || ' ' || d.period || ' (' || d.file_name || ')' as subject,
    v.expectation,
    v.why,
    v.observed,
    v.expected
from published.publication as p
inner join raw.build_input as i on p.build_id = i.build_id
inner join raw.delivery as d on i.delivery_id = d.delivery_id
inner join quality.verdict as v on i.delivery_id = v.delivery_id
where not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at
union
select p.publication_id, 'marts', v.expectation, v.why, v.observed, v.expected
from published.publication as p
inner join quality.verdict as v on p.build_id = v.build_id
where not v.passed and v.severity <> 'note' and v.checked_at <= p.published_at;
