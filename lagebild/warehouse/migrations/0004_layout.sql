-- Which of the contract's layouts a delivery was read by.

alter table raw.delivery add column layout text;
comment on column raw.delivery.layout is
'Name of the contract''s layout that the header has. Null where nothing was read, and before this column.';

create or replace view marts.publication_source as
select
    m.publication_id,
    m.mart,
    m.model_version,
    i.source,
    i.period,
    d.delivery_id,
    d.file_name,
    d.sha256,
    d.records,
    d.loaded,
    d.rejected,
    d.received_at,
    d.erased_at,
    d.erased_why,
    d.layout
from published.publication_mart as m
inner join published.publication as p on m.publication_id = p.publication_id
inner join raw.build_input as i on p.build_id = i.build_id and i.source = any(m.sources)
inner join raw.delivery as d on i.delivery_id = d.delivery_id;
