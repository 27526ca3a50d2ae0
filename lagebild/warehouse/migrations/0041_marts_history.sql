-- Schema marts shows what is in force; every publication is read in marts_history, under the mart's own name. The old
-- names (marts.<mart>_vintage) stay for one version. What a BI tool must know of marts and columns is data, too.

create schema marts_history;
comment on schema marts_history is
'Every publication of each mart of schema marts, under the same name; filter on publication_id.';
revoke all on schema marts_history from public;
grant usage on schema marts_history to bi_reader, statistics_office, lagebild_builder;

-- What readers may see was told by whether marts.<mart>_vintage is there; now by marts_history, so that the old names
-- can go. The views' own text is changed, and nothing else of them.
do $$
declare
    seen record;
begin
    for seen in
        select
            c.oid::regclass::text as name,
            coalesce('with (' || array_to_string(c.reloptions, ', ') || ')', '') as options,
            pg_get_viewdef(c.oid) as text
        from pg_class as c
        where c.relkind = 'v' and c.relnamespace in ('marts'::regnamespace, 'marts_internal'::regnamespace)
            and pg_get_viewdef(c.oid) like '%''\_vintage''::text%'
    loop
        execute format(
            'create or replace view %s %s as %s',
            seen.name,
            seen.options,
            replace(replace(seen.text, '''marts.%I''::text', '''marts_history.%I''::text'), ' || ''_vintage''::text', '')
        );
    end loop;
end
$$;

create table published.mart_relation (
    relation text primary key,
    grain text not null check (grain <> ''),
    key_columns text [] not null,
    joins jsonb not null,
    additive jsonb not null,
    description_de text not null,
    description_en text not null
);
create table published.mart_column (
    relation text not null references published.mart_relation on delete cascade,
    column_name text not null,
    column_order integer not null,
    data_type text not null,
    is_key boolean not null,
    unit text,
    additive_over text [] not null,
    additive_where text,
    label_de text not null,
    label_en text not null,
    description_de text not null,
    description_en text not null,
    primary key (relation, column_name)
);

create view marts.relation as
select
    relation,
    grain,
    key_columns,
    joins,
    additive,
    description_de,
    description_en
from published.mart_relation;
comment on view marts.relation is 'What one row of each mart is, by what it is joined, and what may be added.';
comment on column marts.relation.relation is 'Name of the mart, in schema marts (in force) and marts_history (all).';
comment on column marts.relation.grain is 'What one row is.';
comment on column marts.relation.key_columns is 'Columns that tell rows of one publication apart.';
comment on column marts.relation.joins is
'References: columns, the mart in which their values are found, and its columns (to).';
comment on column marts.relation.additive is
'Of each figure that may be added the columns of the key over which (over), the others held at one value, and the column that must be true (where). A figure that is not named may be added over nothing.';
comment on column marts.relation.description_de is 'What the mart is, in German.';
comment on column marts.relation.description_en is 'What the mart is, in English.';

create view marts.column_text as
select
    relation,
    column_name,
    column_order,
    data_type,
    is_key,
    unit,
    additive_over,
    additive_where,
    label_de,
    label_en,
    description_de,
    description_en
from published.mart_column;
comment on view marts.column_text is 'Heading, unit and description of each column of the marts, in German and English.';
comment on column marts.column_text.relation is 'Name of the mart.';
comment on column marts.column_text.column_name is 'Name of the column.';
comment on column marts.column_text.column_order is 'Place of the column in the mart''s definition, from 1.';
comment on column marts.column_text.data_type is 'Type in PostgreSQL.';
comment on column marts.column_text.is_key is 'Whether it is part of the key.';
comment on column marts.column_text.unit is 'Unit of the numbers, such as EUR; empty where the column has none or a row says it.';
comment on column marts.column_text.additive_over is
'Columns of the key over which the figure may be added, the others held at one value; empty: over none.';
comment on column marts.column_text.additive_where is 'Column that must be true in the rows that are added; empty: none.';
comment on column marts.column_text.label_de is 'Heading in German.';
comment on column marts.column_text.label_en is 'Heading in English.';
comment on column marts.column_text.description_de is 'What it is, in German.';
comment on column marts.column_text.description_en is 'What it is, in English.';

grant select on marts.relation, marts.column_text to bi_reader, statistics_office, lagebild_builder;
