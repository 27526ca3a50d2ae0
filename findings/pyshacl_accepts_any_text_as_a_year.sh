#!/usr/bin/env bash
# pyshacl 0.40.1 with rdflib 7.6.0. DCAT-AP lets a dataset say when it was issued as xsd:date, dateTime, gYear or
# gYearMonth, and statistics have years and months. One would guess that `sh:datatype` finds a literal that is none of
# its type, as it finds a date of month 13. Seen: "soon" conforms as gYear and 2025-13 as gYearMonth: rdflib has no
# reader for these types, and what is not read is not held to be wrong. So a shape that takes any of the four types
# takes any text that calls itself a year. (SHACL asks for this check of SPARQL 1.1's types alone, and these two are
# none of them.) Of types that it does ask for, whatever Python reads conforms: 1_000 bytes, a decimal of 1e3 or NaN. A
# pattern beside the datatype finds the years and NaN, and neither 1_000 nor 1e3, as rdflib has made each of them 1000
# by then.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyshacl==0.40.1 rdflib==7.6.0
seen=$("$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import pyshacl
from rdflib import Graph

HEAD = """@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix : <http://example.org/> .
"""


def judged(text, kind, asked):
    shape = f"[] a sh:NodeShape ; sh:targetNode :it ; sh:property [ sh:path :says ; {asked} ] ."
    data, shapes = Graph().parse(data=f'{HEAD} :it :says "{text}"^^xsd:{kind} .'), Graph().parse(data=HEAD + shape)
    return "conforms" if pyshacl.validate(data, shacl_graph=shapes)[0] else "found"


for text, kind, pattern in (
    ("2025-13-01", "date", r"^\\d{4}-\\d{2}-\\d{2}$"),
    ("2025-13", "gYearMonth", r"^\\d{4}-(0\\d|1[012])$"),
    ("soon", "gYear", r"^\\d{4}$"),
    ("-1", "nonNegativeInteger", r"^\\d+$"),
    ("1_000", "nonNegativeInteger", r"^\\d+$"),
    ("1e3", "decimal", r"^\\d+$"),
    ("NaN", "decimal", r"^\\d+$"),
):
    asked = f"sh:datatype xsd:{kind}"
    with_pattern = judged(text, kind, f'{asked} ; sh:pattern "{pattern}"')
    print(f"{text} as {kind}: {judged(text, kind, asked)}, with a pattern {with_pattern}")
moments = " ".join(f"[ sh:datatype xsd:{kind} ]" for kind in ("date", "dateTime", "gYear", "gYearMonth"))
told = (f"{kind} {judged('soon', kind, f'sh:or ( {moments} )')}" for kind in ("date", "gYear", "string"))
print("soon where one of the four is asked for:", ", ".join(told))
PYTHON
)
echo "pyshacl 0.40.1, rdflib 7.6.0:"
echo "$seen"
[ "$seen" = "2025-13-01 as date: found, with a pattern found
2025-13 as gYearMonth: conforms, with a pattern found
soon as gYear: conforms, with a pattern found
-1 as nonNegativeInteger: found, with a pattern found
1_000 as nonNegativeInteger: conforms, with a pattern conforms
1e3 as decimal: conforms, with a pattern conforms
NaN as decimal: conforms, with a pattern found
soon where one of the four is asked for: date found, gYear conforms, string found" ] \
    || { echo "this has changed"; exit 1; }
