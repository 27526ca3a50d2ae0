-- What quality reports need and readers may see: which content a publication names, and what was due when it was made.

create view marts.publication_content as
select
    m.publication_id,
    m.mart,
    m.model_version,
    c.sha256,
    c.row_count
from published.publication_mart as m
inner join published.publication as p on m.publication_id = p.publication_id
inner join published.content as c on m.content_id = c.content_id
where p.is_protected and to_regclass(format('marts.%I', m.mart || '_vintage')) is not null;
comment on view marts.publication_content is
'The marts of each publication that readers see, and the content that it names of each: where the SHA-256 is the same, so are the rows.';
comment on column marts.publication_content.publication_id is 'The publication.';
comment on column marts.publication_content.mart is 'Mart, a view of this schema.';
comment on column marts.publication_content.model_version is
'Digest of the SQL and seeds of the model and of all models before it.';
comment on column marts.publication_content.sha256 is
'SHA-256 of the rows of the content. Not its number in the database, whose gaps would tell of marts that readers do not see.';
comment on column marts.publication_content.row_count is 'Rows of the content.';
grant select on marts.publication_content to bi_reader, statistics_office, lagebild_builder;

-- The calendar as it stood when a publication was made. A file counts from the day it came, whatever became of it: what
-- was decided later changes nothing here.
create view marts.publication_calendar as
select
    p.publication_id,
    c.source,
    c.region_code,
    c.period,
    c.due_on,
    a.came_on as received_on,
    greatest(0, coalesce(a.came_on, p.made_on) - c.due_on) as days_late
from (
    select
        publication_id,
        published_at,
        (published_at at time zone 'Europe/Berlin')::date as made_on
    from published.publication
    where is_protected
) as p
cross join lateral quality.delivery_calendar(p.made_on) as c
cross join lateral (
    select
        case
            when c.first_delivered_at <= p.published_at then (c.first_delivered_at at time zone 'Europe/Berlin')::date
        end as came_on
) as a
where c.due_on <= p.made_on;
comment on view marts.publication_calendar is
'What had been due by the day of each publication: one row a source, municipality and period, with the day on which its first file came.';
comment on column marts.publication_calendar.publication_id is 'The publication.';
comment on column marts.publication_calendar.source is 'Source id, as in the contracts.';
comment on column marts.publication_calendar.region_code is
'AGS of the municipality; null where the source does not deliver by municipality.';
comment on column marts.publication_calendar.period is 'Period that was due: 2024, 2024-Q3 or 2024-07.';
comment on column marts.publication_calendar.due_on is 'Last day in time, as the house expects it.';
comment on column marts.publication_calendar.received_on is
'Day (German time) on which the first file for the period came, also one that was sent back; null: none until then.';
comment on column marts.publication_calendar.days_late is
'Days from the last day in time to that day, or to the publication where nothing had come; 0 in time.';
grant select on marts.publication_calendar to bi_reader, statistics_office;
