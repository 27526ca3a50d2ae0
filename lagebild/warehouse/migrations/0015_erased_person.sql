-- Who was erased is kept as a digest that only the key and the identifier together give: an older file that comes later
-- shall not bring the person back.

create table raw.erased_person (
    municipality text not null,
    purpose text not null,
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    erased_on date not null,
    primary key (municipality, purpose, digest)
);
comment on table raw.erased_person is
'Persons that were erased: no pseudonym of any row, but a keyed digest of its own, wrapped at each rotation of the key.';
comment on column raw.erased_person.erased_on is
'Day of the erasure (German time): rows of the person in files for a period that ends up to it are dropped at the door.';
grant select on raw.erased_person to lagebild_loader;
