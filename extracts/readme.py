"""`LIESMICH.txt` (`README.txt`): what a person reads first, in any program: UTF-8, lines end as on Windows."""

from collections.abc import Iterator, Mapping
from textwrap import fill

from extracts.contents import Contents
from extracts.identity import dataset_name
from extracts.listing import CATALOGUE, DESCRIPTOR, Written, counts, listed
from extracts.signing import CHECKSUMS, SIGNATURE

_WIDTH = 96


def readme_bytes(contents: Contents, files: Mapping[str, Written]) -> bytes:
    """The overview of `files` and of those that describe them and are made afterwards."""
    return "".join(f"{line}\r\n" for line in _lines(contents, files)).encode("utf-8")


def _lines(contents: Contents, files: Mapping[str, Written]) -> Iterator[str]:
    say, about = contents.texts.say, contents.about
    if about.is_synthetic:
        yield from (say("readme.synthetic"), say("readme.synthetic_rows"), "")
    for text in about.notices:
        yield from _paragraph(text)
    title = say("dcat.title")
    yield from (title, "=" * len(title), "")
    yield from (f"{label}: {text}" for label, text in _facts(contents))
    yield from ("", *_heading(say("readme.files")))
    yield from _files(contents, files)
    yield from ("", *_heading(say("readme.reading")))
    yield from _paragraph(say("readme.csv"))
    if sample := next((mart for mart in contents.marts if mart.is_sample), None):
        yield from _paragraph(say("readme.parquet", most=counts(sample, contents.texts)["rows"]))
    for part in ("codes", "protection"):
        yield from _paragraph(say(f"readme.{part}"))
    yield from _heading(say("readme.licence"))
    yield from _paragraph(say("readme.citing"))
    yield from ("  " + line for line in _wrapped(_citation(contents)).split("\n"))
    yield from ("", *_paragraph(say("readme.sources")))
    yield from _sources(contents)
    yield from ("", *_heading(say("readme.verify")))
    for number, part in enumerate(("sums", "signature", "house"), 1):
        yield from _wrapped(f"{number}. {say(f'readme.verify_{part}')}").split("\n")
        yield f"   {say(f'readme.command_{part}')}"
    yield ""
    yield from _paragraph(say("readme.verify_key"))
    if about.publisher.contact:
        yield from _heading(say("readme.contact"))
        yield f"{about.publisher.name}, {about.publisher.contact}"


def _facts(contents: Contents) -> Iterator[tuple[str, str]]:
    """Label and text of what the package is of."""
    texts, about, publication = contents.texts, contents.about, contents.publication
    say = texts.say
    yield say("readme.publisher"), about.publisher.name
    yield say("readme.recipient"), about.recipient.office
    yield say("readme.publication"), f"{publication.publication_id}, {texts.date(publication.published_at.date())}"
    if about.period_from and about.period_to:
        first, last = texts.date(about.period_from), texts.date(about.period_to)
        yield say("readme.period"), say("readme.from_to", first=first, last=last)
    if about.data_until:
        yield say("readme.data_until"), texts.date(about.data_until)
    if about.next_publication:
        yield say("readme.next"), texts.date(about.next_publication)


def _files(contents: Contents, files: Mapping[str, Written]) -> Iterator[str]:
    say, number = contents.texts.say, contents.texts.number
    rows = [(one.name, one.title, say("readme.bytes", bytes=number(files[one.name].size, 0)))
            for one in listed(contents, files)]  # fmt: skip
    own = say("file.readme")
    later = {CATALOGUE: "catalogue", own: "readme", DESCRIPTOR: "descriptor", CHECKSUMS: "sums", SIGNATURE: "signature"}
    rows += [(name, say(f"listing.{key}"), "") for name, key in later.items() if name not in files]
    for name, title, size in rows:
        yield f"{name}{f' ({size})' if size else ''}"
        yield from _wrapped(title, "    ").split("\n")


def _citation(contents: Contents) -> str:
    texts, publication = contents.texts, contents.publication
    return texts.say(
        "readme.citation",
        publisher=contents.about.publisher.name,
        title=texts.say("dcat.title"),
        number=publication.publication_id,
        date=texts.date(publication.published_at.date()),
        name=dataset_name(contents),
    )


def _sources(contents: Contents) -> Iterator[str]:
    """Each source once, with its licences."""
    say = contents.texts.say
    licences: dict[str, dict[str, None]] = {}
    for one in contents.attributions.values():
        names = [each.get("name") or each.get("title") or each["path"] for each in one["licenses"]]
        for source in one["sources"]:
            licences.setdefault(source["title"], {}).update(dict.fromkeys(names or [say("dcat.no_licence")]))
    for title in sorted(licences):
        yield from _wrapped(f"- {title}: {', '.join(licences[title])}", "", "  ").split("\n")


def _heading(text: str) -> tuple[str, str]:
    return text, "-" * len(text)


def _paragraph(text: str) -> tuple[str, ...]:
    return *_wrapped(text).split("\n"), ""


def _wrapped(text: str, first: str = "", later: str | None = None) -> str:
    later = first if later is None else later
    return fill(text, _WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False,
                break_on_hyphens=False)  # fmt: skip
