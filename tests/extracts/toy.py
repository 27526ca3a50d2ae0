"""A small publication made by hand: two marts, two publications, awkward rows."""

from pathlib import Path

import yaml

from extracts.package import PACKAGE

CAPTION_DE = "Nicht die Kosten einer zugewanderten Person; Rechenweg nachvollzogen, nicht unabhängig bestätigt."
CAPTION_EN = "Not the cost of an immigrant; retraced, not independently confirmed."
SHA256 = "ab" * 32

# Two publications of two marts; the second corrects the cost. Row order, texts and types are chosen to be awkward.
TABLES = f"""
drop view if exists marts.cost_per_person, marts.cost_per_person_vintage, marts_history.cost_per_person cascade;
drop view if exists marts.eu2_population, marts.eu2_population_vintage, marts_history.eu2_population cascade;
create table published.tiny_cost (
    publication_id bigint, municipality_ags text, reference_year integer, municipality_name text,
    total_cost_eur numeric(18, 2), cost_per_person_eur numeric(18, 6), cost_per_person_rounded_eur numeric(18, 0),
    evidence text, caption_de text, caption_en text
);
insert into published.tiny_cost values
(1, '05913000', 2019, 'Dortmund', 15639763.00, 2143.020416, 2143, 'derived_from_result'),
(2, '05913000', 2019, 'Dortmund', 15639764.50, 2143.020622, 2143, 'derived_from_result'),
(2, '05112000', 2019, '=HYPERLINK("http://example.org")', null, null, null, 'synthetic');
update published.tiny_cost set caption_de = '{CAPTION_DE}', caption_en = '{CAPTION_EN}';
create view marts_history.cost_per_person as select * from published.tiny_cost;
comment on view marts_history.cost_per_person is 'One row a municipality and year.';
comment on column marts_history.cost_per_person.total_cost_eur is 'Attributable cost of the year, EUR.';

create table published.tiny_population (
    publication_id bigint, region_code text, reference_date date, region_name text, eu2_persons bigint,
    change_persons bigint, change_pct numeric, is_suppressed boolean, remark text
);
insert into published.tiny_population values
(2, '05315', '2024-12-31', 'Köln, Stadt', 14905, -5, -0.03, false, '-'),
(2, '05112', '2024-12-31', 'Duisburg; "Stadt"', 26575, null, null, true, '+ 4'),
(1, '05112', '2023-12-31', 'Duisburg', 26000, null, null, false, null);
create view marts_history.eu2_population as select * from published.tiny_population;
create view marts.eu2_population as select * from published.tiny_population where publication_id = 2;
comment on column marts.eu2_population.eu2_persons is 'Bulgarian and Romanian nationals, persons.';
grant select on marts_history.cost_per_person, marts_history.eu2_population, marts.eu2_population
to bi_reader, statistics_office;

create view marts_internal.unmasked_counts_vintage as select * from published.tiny_population;
grant select on marts_internal.unmasked_counts_vintage to bi_reader;

insert into raw.build (state, code_version) values ('published', 'c0ffee'), ('published', 'c0ffee');
insert into published.publication (build_id, code_version, fingerprint, published_at, is_protected) values
(1, 'c0ffee', 'f1', '2026-01-05 08:00:00+01', true), (2, 'c0ffee', 'f2', '2026-02-05 23:30:00+01', true);
update published.current_publication set publication_id = 2;
insert into raw.delivery (
    source, period, sha256, attempt, file_name, byte_size, landing_path, contract_version, code_version, state,
    records, loaded, rejected
) values
('ledger', '2019', '{SHA256}', 1, 'ledger_05913000_2019.csv', 1, 'ledger/2019/x', '1', 'c0ffee', 'accepted', 80, 78, 2);
insert into raw.build_input values (1, 'ledger', '2019', 1), (2, 'ledger', '2019', 1);
insert into published.content (mart, sha256, row_count) values ('cost_per_person', '{SHA256}', 1);
insert into published.publication_mart values
(1, 'cost_per_person', 1, 'v1', '{{ledger}}'), (2, 'cost_per_person', 1, 'v2', '{{ledger}}');
"""


def write_package(folder: Path, keys: dict[str, list[str] | None]) -> Path:
    content = yaml.safe_load(PACKAGE.read_text(encoding="utf-8"))
    default = ["region_code", "reference_date"]
    known = {mart["name"]: mart for mart in content["marts"]}
    content["marts"] = [
        {**known.get(name, {"name": name, "title": {"de": name, "en": name}}), "key": key or default}
        for name, key in keys.items()
    ]
    content["internal"] = []
    path = folder / "package.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path
