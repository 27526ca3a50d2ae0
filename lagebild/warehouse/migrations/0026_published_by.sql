-- Who had a build published: the person whom Airflow knows, or the account of the command line. It stays in the house.

alter table raw.build add column published_by text;
comment on column raw.build.published_by is
'Who had it published that waited; empty where it was published unasked, or before this was kept. Readers never see it.';
