-- What a list prints below its rows as their sum.

create table raw.delivery_total (
    delivery_id bigint not null references raw.delivery,
    line_number bigint not null,
    field text not null,
    title text not null,
    printed numeric,
    problem text,
    primary key (delivery_id, line_number, field),
    check ((printed is null) = (problem is not null))
);
comment on table raw.delivery_total is
'Totals that stand below the rows of a list: of which column, and what they print. The gate compares them with the rows.';
comment on column raw.delivery_total.field is 'Column of the raw table of which it is the sum.';
comment on column raw.delivery_total.title is 'Title of that column in the file.';
comment on column raw.delivery_total.printed is 'The figure, to the last digit; null where it could not be read.';
comment on column raw.delivery_total.problem is 'Why it could not be read.';
grant select, insert on raw.delivery_total to lagebild_loader;
