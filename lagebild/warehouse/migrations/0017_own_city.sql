-- A build whose marts are checked may wait until somebody publishes it.

alter table raw.build drop constraint build_state_check;
alter table raw.build add constraint build_state_check
check (state in ('running', 'waiting', 'published', 'unchanged', 'stopped', 'overtaken'));

-- A city's own rows of the method's seeds, as the build that holds the token found them in its configuration.
create table raw.own_row (
    seed text not null,
    line_number bigint not null,
    fields jsonb not null,
    primary key (seed, line_number)
);
comment on table raw.own_row is
'Rows that a city keeps outside the product, by the seed that they are united with: what the latest build read.';
grant select, insert, delete on raw.own_row to lagebild_builder;
