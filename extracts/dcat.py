"""`dcat-ap-de.ttl`: the release as data portals read it: DCAT-AP.de 3.0, in Turtle.

How things are named, and why no address is made up: docs/decisions/release-metadata.md. What is the office's to say
(its kind, its number as supplier of the portal) is said where `About.publisher` has it, and left out elsewhere.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from rdflib import DCTERMS, FOAF, RDF, RDFS, XSD, BNode, Graph, Literal, Namespace, URIRef

from extracts.contents import Contents
from extracts.identity import contact_address, dataset_name, name
from extracts.listing import Listed, Written, listed
from extracts.texts import LANGUAGES, Texts

# rdflib's own DCAT is version 2, which has no version of a dataset.
DCAT, ADMS = Namespace("http://www.w3.org/ns/dcat#"), Namespace("http://www.w3.org/ns/adms#")
SPDX, VCARD = Namespace("http://spdx.org/rdf/terms#"), Namespace("http://www.w3.org/2006/vcard/ns#")
DCATAP, DCATDE = Namespace("http://data.europa.eu/r5r/"), Namespace("http://dcat-ap.de/def/dcatde/")
PREFIXES = {
    "adms": ADMS, "dcat": DCAT, "dcatap": DCATAP, "dcatde": DCATDE, "dcterms": DCTERMS, "foaf": FOAF, "rdfs": RDFS,
    "spdx": SPDX, "vcard": VCARD, "xsd": XSD,
}  # fmt: skip
_EU = Namespace("http://publications.europa.eu/resource/authority/")
_DE = Namespace("http://dcat-ap.de/def/")
_MEDIA_TYPES = Namespace("https://www.iana.org/assignments/media-types/")
_LANGUAGES = {"de": "DEU", "en": "ENG"}
_FREQUENCIES = {
    "each_publication": "IRREG", "on_request": "IRREG", "yearly": "ANNUAL", "half_yearly": "ANNUAL_2",
    "quarterly": "QUARTERLY", "monthly": "MONTHLY",
}  # fmt: skip
LICENCES = {
    "DL-DE-BY-2.0": "dl-by-de/2.0",
    "DL-DE-ZERO-2.0": "dl-zero-de/2.0",
    "CC-BY-4.0": "cc-by/4.0",
    "CC-BY-SA-4.0": "cc-by-sa/4.0",
    "CC0-1.0": "cc-zero",
    "EUPL-1.2": "other-open",
}
"""Licences of contracts by their name in the list of DCAT-AP.de, which has no EUPL."""
_MIXED, _UNKNOWN = "other-open", "other-closed"
_PLACES = {8: "municipalityKey", 5: "districtKey", 3: "governmentDistrictKey", 2: "stateKey"}
"""Lists of the political geocoding by the length of the official key."""
_LEVELS = {8: "municipality", 5: "administrativeDistrict", 2: "state"}
MOST_PLACES = 300
"""More municipalities and districts than this are named by their states."""

_Node = URIRef | BNode
_Pairs = Iterable[tuple[URIRef, _Node | Literal]]


def dcat_bytes(contents: Contents, files: Mapping[str, Written]) -> bytes:
    """The catalogue entry of `files` as UTF-8; the same contents and files give the same bytes.

    UserError if the publisher's contact is neither a mail address nor a page.
    """
    graph = Graph(bind_namespaces="none")
    for prefix, space in PREFIXES.items():
        graph.bind(prefix, space)
    _Entry(contents, graph).write(files)
    return graph.serialize(format="turtle", encoding="utf-8")


class _Entry:
    """One dataset with its distributions, written into a graph."""

    def __init__(self, contents: Contents, graph: Graph) -> None:
        self.contents, self.graph = contents, graph
        self.number = contents.publication.publication_id
        self.language = contents.texts.language
        moment = contents.publication.published_at.astimezone(UTC)
        self.published = Literal(f"{moment:%Y-%m-%dT%H:%M:%SZ}", datatype=XSD.dateTime)

    def write(self, files: Mapping[str, Written]) -> None:
        dataset = self._dataset()
        for file in listed(self.contents, files):
            self._add(dataset, [(DCAT.distribution, self._distribution(file, files[file.name]))])

    def _dataset(self) -> URIRef:
        about = self.contents.about
        synthetic = ["synthetic"] * about.is_synthetic
        dataset = URIRef(dataset_name(self.contents))
        self._add(
            dataset,
            [
                (RDF.type, DCAT.Dataset),
                *((DCTERMS.title, text) for text in self._said("_".join(["title", *synthetic]))),
                *((DCTERMS.description, text) for text in self._said(*synthetic, "description")),
                *((DCAT.keyword, word) for word in self._keywords()),
                *((DCAT.theme, _EU[f"data-theme/{theme}"]) for theme in self._themes()),
                (DCTERMS.identifier, Literal(dataset)),
                (DCTERMS.publisher, self._publisher()),
                (DCTERMS.issued, self.published),
                (DCTERMS.modified, self.published),
                (DCTERMS.language, _EU[f"language/{_LANGUAGES[self.language]}"]),
                (DCTERMS.type, _EU["dataset-type/STATISTICAL"]),
                (DCTERMS.accrualPeriodicity, _EU[f"frequency/{_FREQUENCIES[about.recipient.schedule]}"]),
                (DCTERMS.provenance, self._provenance()),
                *((DCTERMS.spatial, self._place(place)) for place in places(self.contents)),
                *((DCATDE.politicalGeocodingLevelURI, level) for level in self._levels()),
                *self._contact(),
                *self._period(),
                *self._former(),
                (DCAT.version, Literal(str(self.number))),
            ],
        )
        if about.recipient.profile == "statistics_unit":
            self._add(dataset, [(DCTERMS.accessRights, _EU["access-right/RESTRICTED"])])
        if about.publisher.contributor_id:
            self._add(dataset, [(DCATDE.contributorID, URIRef(about.publisher.contributor_id))])
        return dataset

    def _distribution(self, file: Listed, written: Written) -> URIRef:
        # Relative to the place of the entry itself: true wherever the folder is put.
        address = URIRef(file.name)
        digest = Literal(written.sha256, datatype=XSD.hexBinary)
        checksum = [(SPDX.algorithm, SPDX.checksumAlgorithm_sha256), (SPDX.checksumValue, digest)]
        attributions = _attributions(self.contents, file)
        rights = [(RDFS.label, self._own(_rights(self.contents, attributions)))]
        distribution = URIRef(name(self.contents, "file", self.number, file.name))
        self._add(
            distribution,
            [
                (RDF.type, DCAT.Distribution),
                (DCTERMS.title, self._own(file.title)),
                (DCAT.accessURL, address),
                (DCAT.downloadURL, address),
                (DCAT.byteSize, Literal(written.size, datatype=XSD.nonNegativeInteger)),
                (DCAT.mediaType, _MEDIA_TYPES[file.form.media_type]),
                (DCTERMS["format"], _EU[f"file-type/{file.form.file_type}"]),
                (DCTERMS.language, _EU[f"language/{_LANGUAGES[self.language]}"]),
                (DCTERMS.issued, self.published),
                (DCTERMS.license, _DE[f"licenses/{licence(attributions)}"]),
                (DCTERMS.rights, self._part(DCTERMS.RightsStatement, rights, "rights", file.name)),
                (DCATDE.licenseAttributionByText, self._own(_attribution(self.contents, attributions))),
                (DCATAP.availability, _EU["planned-availability/AVAILABLE"]),
                (ADMS.status, _EU["distribution-status/COMPLETED"]),
                (SPDX.checksum, self._part(SPDX.Checksum, checksum, "checksum", file.name)),
            ],
        )
        return distribution

    def _publisher(self) -> URIRef:
        publisher = self.contents.about.publisher
        node = URIRef(name(self.contents, "publisher"))
        self._add(node, [(RDF.type, FOAF.Agent), (FOAF.name, Literal(publisher.name))])
        if publisher.kind:
            self._add(node, [(DCTERMS.type, URIRef(f"http://purl.org/adms/publishertype/{publisher.kind}"))])
        return node

    def _contact(self) -> _Pairs:
        publisher = self.contents.about.publisher
        if address := contact_address(publisher):
            way = VCARD.hasEmail if address.startswith("mailto:") else VCARD.hasURL
            about = [(VCARD.fn, Literal(publisher.name)), (way, URIRef(address))]
            yield DCAT.contactPoint, self._part(VCARD.Kind, about, "contact")

    def _period(self) -> _Pairs:
        about = self.contents.about
        bounds = ((DCAT.startDate, about.period_from), (DCAT.endDate, about.period_to))
        if known := [(bound, Literal(day)) for bound, day in bounds if day]:
            yield DCTERMS.temporal, self._part(DCTERMS.PeriodOfTime, known, "period")

    def _former(self) -> _Pairs:
        """The publication that the recipient had before, and how much of it changed."""
        about = self.contents.about
        if about.previous and about.previous.publication_id != self.number:
            yield DCAT.previousVersion, URIRef(dataset_name(self.contents, about.previous.publication_id))
            for text in self._said("version_notes", count=len(about.changes)):
                yield ADMS.versionNotes, text

    def _provenance(self) -> BNode:
        code, deliveries = self.contents.publication.code_version, len(self.contents.deliveries)
        texts = self._said("provenance", publication=self.number, deliveries=deliveries, code=code)
        return self._part(DCTERMS.ProvenanceStatement, [(RDFS.label, text) for text in texts], "provenance")

    def _place(self, place: str) -> URIRef:
        node = URIRef(place)
        self._add(node, [(RDF.type, DCTERMS.Location)])
        return node

    def _levels(self) -> list[URIRef]:
        keys = _keys(self.contents)
        found = {_LEVELS[len(key)] for key in keys - {"00"} if len(key) in _LEVELS}
        return [_DE[f"politicalGeocoding/Level/{level}"] for level in found | ({"federal"} if "00" in keys else set())]

    def _themes(self) -> list[str]:
        """Society always; government and economy where the package has money."""
        has_money = any(column.name.endswith("_eur") for mart in self.contents.marts for column in mart.columns)
        return ["ECON", "GOVE", "SOCI"] if has_money else ["SOCI"]

    def _keywords(self) -> list[Literal]:
        keys = ["keywords", "keyword_synthetic"] if self.contents.about.is_synthetic else ["keywords"]
        lists = [text for key in keys for text in self._said(key)]
        return [Literal(word, lang=text.language) for text in lists for word in text.split(", ")]

    def _said(self, *keys: str, **values: object) -> list[Literal]:
        """Sentences, one behind the other, in each language: an entry speaks all, whatever the recipient's is."""
        return [
            Literal(" ".join(Texts(code).say(f"dcat.{key}", **values) for key in keys), lang=code)
            for code in LANGUAGES
        ]  # fmt: skip

    def _own(self, text: str) -> Literal:
        return Literal(text, lang=self.language)

    def _part(self, kind: URIRef, pairs: _Pairs, *parts: object) -> BNode:
        """A thing that is part of another and has no name in the file.

        It has one in the graph, of its words as all have, so that rdflib writes it in the same place each time.
        """
        node = BNode(name(self.contents, *parts, self.number).rpartition(":")[2])
        self._add(node, [(RDF.type, kind), *pairs])
        return node

    def _add(self, node: _Node, pairs: _Pairs) -> None:
        for predicate, value in pairs:
            self.graph.add((node, predicate, value))


def licence(attributions: Iterable[dict[str, Any]]) -> str:
    """The licence in the list of DCAT-AP.de: that of all inputs, else `other-open`; `other-closed` if one has none."""
    found = {LICENCES.get(one.get("name", ""), _UNKNOWN) for each in attributions for one in each["licenses"] or [{}]}
    if len(found) == 1:
        return next(iter(found))
    return _MIXED if found and _UNKNOWN not in found else _UNKNOWN


def places(contents: Contents) -> list[str]:
    """The places of the rows, sorted: as terms of the political geocoding, Germany as the EU names countries."""
    keys = _keys(contents)
    small = {key for key in keys if len(key) > 2}
    if len(small) > MOST_PLACES:
        keys = keys - small | {key[:2] for key in small}
    country = [f"{_EU}country/DEU"] if "00" in keys else []
    return country + sorted(f"{_DE}politicalGeocoding/{_PLACES[len(key)]}/{key}" for key in keys - {"00"})


def _keys(contents: Contents) -> set[str]:
    """Official keys of the places that rows speak of; not of made-up rows, whose place may be made up too."""
    found = {
        key
        for mart in contents.marts
        for column in ("region_code", "municipality_ags")
        for key, evidence in mart.distinct(column, "evidence")
        if evidence != "synthetic"
    }
    return {key for key in found if key and key.isdigit() and len(key) in _PLACES}


def _attributions(contents: Contents, file: Listed) -> list[dict[str, Any]]:
    """Whose data a file holds: of a mart's file the mart's, else of the whole package."""
    if file.mart is None:
        return list(contents.attributions.values())
    used = dict.fromkeys(row["source"] for row in contents.used_by(file.mart.entry.name))
    return [contents.attributions[source] for source in used]


def _attribution(contents: Contents, attributions: Iterable[dict[str, Any]]) -> str:
    titles = dict.fromkeys(one["title"] for each in attributions for one in each["sources"])
    publisher = contents.about.publisher.name
    if not titles:
        return publisher
    return contents.texts.say("dcat.source", sources="; ".join(titles), publisher=publisher)


def _rights(contents: Contents, attributions: Iterable[dict[str, Any]]) -> str:
    """Every licence of the inputs by name: an entry has room for one of the list, and the list has not all."""
    found = dict.fromkeys(
        one.get("name") or one.get("title") or one.get("path") or ""
        for each in attributions
        for one in each["licenses"]
    )
    names = [licence_name for licence_name in found if licence_name]
    if not names:
        return contents.texts.say("dcat.no_licence")
    return contents.texts.say("dcat.licences", licences=", ".join(names))
