"""What is said of a file to whoever sent it: each message has a code, its text in English, and values.

The ledger and `raw.rejected_row` keep the English text with code and values beside it, so that a receipt says the same
in German, whoever writes it and when. The translations are gettext's: `locale/<language>/LC_MESSAGES/messages.po`, the
code as context (docs/decisions/messages-by-code.md). A code is never used again for something else: it is in ledgers.
"""

import gettext
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

LOCALE, DOMAIN = Path(__file__).parents[1] / "locale", "messages"
TEXTS: dict[str, str] = {}
"""By code: the English text, with `{name}` for its values."""
ONLY_ENGLISH = {"de": " (englisch im Original)"}
"""Stands behind what is shown in English, in each language that there is a catalogue of."""
_DATE = {"%d": "TT", "%m": "MM", "%Y": "JJJJ", "%y": "JJ"}
_TO_GERMAN = str.maketrans(",.", ".,")


class Message(str):
    """A message as its English text, which with code and values (`parameters`) is said in another language, too.

    A value is a text, a number, a message or a list of messages; of a person it says no more than a text may.
    """

    code: str
    parameters: Mapping[str, Any]

    def __new__(cls, code: str, /, **parameters: Any) -> "Message":
        return cls._of(_filled(TEXTS[code], parameters, str), code, parameters)

    @classmethod
    def _of(cls, text: str, code: str, parameters: Mapping[str, Any]) -> "Message":
        self = super().__new__(cls, text)
        self.code, self.parameters = code, parameters
        return self

    def __reduce__(self) -> tuple:
        return Message._of, (str(self), self.code, self.parameters)

    def told(self, language: str) -> str:
        """The message in `en`, or a language that has a catalogue.

        One that an earlier version kept, and this one does not know with these values any more, stays English.
        """
        if language == "en":
            return str(self)
        template = _catalogue(language).pgettext(self.code, TEXTS[self.code]) if self.code in TEXTS else None
        if template is None or not names(template) <= self.parameters.keys():
            return self + ONLY_ENGLISH[language]
        return _filled(template, self.parameters, lambda value: _Value(in_language(value, language)))

    def kept(self) -> dict[str, Any]:
        """Code and values as JSON; messages among the values with their English text."""
        return {"code": self.code, "parameters": {name: _as_json(value) for name, value in self.parameters.items()}}


def restored(text: str, kept: Mapping[str, Any] | None) -> str:
    """The message whose English text and `Message.kept` are these; the text alone where no code was kept."""
    if kept is None:
        return text
    return Message._of(text, kept["code"], {name: _from_json(value) for name, value in kept["parameters"].items()})


def kept(text: str | None) -> dict[str, Any] | None:
    """What is kept beside a text: nothing where it is no message, as what a person wrote."""
    return text.kept() if isinstance(text, Message) else None


def kept_json(text: str | None) -> str | None:
    """The same for a column of the ledger."""
    return json.dumps(text.kept()) if isinstance(text, Message) else None


def translatable(text: str) -> Message:
    """A text as a message: one that is none is shown in English, and said to be."""
    return text if isinstance(text, Message) else Message("english", text=text)


def in_language(value: Any, language: str) -> str:
    """A message in a language; anything else as it is."""
    return value.told(language) if isinstance(value, Message) else str(value)


def figure(number: int | Decimal, language: str) -> str:
    """A number with signs between its thousands, in `de` or `en`."""
    return f"{number:,}".translate(_TO_GERMAN) if language == "de" else f"{number:,}"


def date_form(form: str) -> str:
    """A format of dates, such as %d.%m.%Y, as people in German offices write it."""
    return re.sub(r"%.", lambda match: _DATE.get(match[0], match[0]), form)


@cache
def names(template: str) -> frozenset[str]:
    """The names of the values in a text."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


class _Value(str):
    """A value in a translation: `{found:date}` is a format of dates, `{day:day}` a day, both as people write them."""

    def __format__(self, spec: str) -> str:
        if spec == "day":
            return f"{date.fromisoformat(self):%d.%m.%Y}"
        return date_form(self) if spec == "date" else super().__format__(spec)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALE, [language])


def _filled(template: str, parameters: Mapping[str, Any], said: Callable[[Any], str]) -> str:
    return template.format_map(
        {
            name: "; ".join(map(said, value)) if isinstance(value, list) else said(value)
            for name, value in parameters.items()
        }
    )


def _as_json(value: Any) -> Any:
    if isinstance(value, Message):
        return {"text": str(value)} | value.kept()
    if isinstance(value, list):
        return list(map(_as_json, value))
    return value if isinstance(value, (str, int)) else str(value)


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return restored(value["text"], value)
    return list(map(_from_json, value)) if isinstance(value, list) else value


def _text(code: str, text: str) -> None:
    if code in TEXTS:
        raise ValueError(f"two messages have the code {code}")
    TEXTS[code] = text


# --- what holds others
_text("english", "{text}")
_text("refused", "{file_name}: {wrong} - {remedy}")
_text("not_loaded", "{wrong}\n  what to do: {remedy}")
_text("held", "{reasons}")

# --- the file as a whole
_text("file_empty", "the file is empty")
_text("name_not_agreed", "the name of the file is not the agreed one")
_text("rename_to", "rename it, for example to {example}")
_text("sha256_differs", "its SHA-256 is {sha256}, but its sender says {expected}")
_text("sha256_unreadable", "none that could be read")
_text("send_with_sha256", "send the file and its .sha256 again")
_text("period_without_day", "{source} has a history, and the period {period} ends in no day")
_text("name_must_end_in_day", "the file's name must end in a day such as 2019-12-31")
_text("row_is_synthetic", "line {line} is marked synthetic, and this warehouse holds real data")
_text("try_in_practice", "try made-up files in another clone, with LAGEBILD_PRACTICE=1 in its .env")
_text("header_alone", "there is a header and nothing below it")
_text("header_without_rows", "the file holds a header and no row")
_text("file_too_large", "the file has more than {megabytes} MB, and the reader {reader} holds whole files in memory")
_text("ask_supplier_again", "ask the supplier for the file again")
_text("ask_again", "ask for the file again")
_text("ask_smaller", "ask for smaller deliveries")

# --- encoding and lines
_text("at_line", "line {line}: {what}")
_text("byte_not_in_encoding", "a byte is not {encoding}")
_text("byte_number_not_in_encoding", "byte {byte} is not {encoding}")
_text("file_is_utf8", "the file is UTF-8, not {encoding}")
_text("file_is_windows_1252", "the file is Windows-1252, not {encoding}")
_text("mark_not_in_encoding", "the file starts with a byte order mark, which {encoding} has not")
_text("mark_not_agreed", "a byte order mark, which is not agreed")
_text("ask_encoding", "ask for the file in {encoding}, or name its encoding at {place}")
_text("name_utf8_sig", "name the encoding utf-8-sig at {place}")
_text("name_utf8", "name the encoding utf-8 at {place}")
_text("name_encoding", "name its encoding at {place}")
_text("nul_byte", "a NUL byte")
_text("ask_again_damaged", "the file is damaged or not text: ask for it again")
_text("line_too_long", "longer than {mebibytes} MiB")
_text("ask_lines_as_agreed", "such a file has no lines: ask the supplier for the file as agreed")
_text("quoting_broken_to_end", "the quoting is broken and no record follows it")
_text("line_end_differs", "it ends with {found}, agreed is {agreed}")
_text("declared_delimiter_differs", "it says that {found} parts the fields, agreed is {agreed}")
_text("delimiter_differs", "{found} parts the fields, agreed is {agreed}")
_text("title_began_before", "it is part of a title that began before")
_text("file_ends_before_header", "the file ends before the header in line {line}")
_text("ask_as_agreed", "ask the supplier for the file as agreed, or change {entry} at {place}")
_text("header_quoting_broken", "the quoting of the header is broken")
_text("ask_quoting", "the quoting is broken there: {what}")
_text("csv_ends_early", "unexpected end of data")
_text("csv_sign_expected", "{sign} expected after {after}")

# --- header and sheet
_text("header_differs", "the header is not the contract's ({difference}; compared with layout {layout})")
_text(
    "header_differs_of_period",
    "the header is not the contract's of {period} ({difference}; compared with layout {layout})",
)
_text(
    "header_differs_hidden",
    "the header is not the contract's ({shape}; not shown, because a file without a header has a person's values"
    " there)",
)
_text("field_switched_off", "the column {title} is read only where the operator switched it on, and nobody did")
_text(
    "switch_field_on",
    "let the supplier leave the column out; or add with purpose and legal basis, under fields: in {path}: {entry}",
)
_text("header_missing", "missing: {titles}")
_text("header_unknown", "unknown: {titles}")
_text("header_repeated", "more than once: {titles}")
_text("header_optional_missing", "of the optional columns, which are all there or none, missing: {titles}")
_text("columns_reordered", "the columns stand in another order")
_text("columns_differ", "the columns stand otherwise")
_text("columns_unknown", "{columns} columns, {unknown} of them unknown")
_text("and_more", "{titles} and {more} more")
_text("ask_layout_or_add", "ask the supplier for the agreed layout, or, if this is what it means, add {entry}")
_text(
    "ask_layout_or_change",
    "ask the supplier for the agreed layout, or, if this is what it means, change the entry at {place}: {entry}",
)
_text("ask_layout_or_describe", "ask the supplier for the agreed layout, or describe the new columns in {place}")
_text(
    "choose_columns",
    "choose these columns in the export and no others: {titles}; what may be missing, and a layout of your own, is"
    " said at {place}",
)
_text("rows_below_total", "rows stand below the total of line {line}")
_text("ask_without_subtotals", "ask for the export without subtotals: which rows they sum up is not read")
_text("see_contracts_fit", "lagebild source fit {source} FILE shows the difference on your screen only")
_text("sheet_missing", "there is no sheet {sheet}, only {sheets}")
_text("name_sheet", "name the sheet at {place}")
_text("sheet_empty", "the sheet {sheet} is empty")
_text("sheet_row_twice", "the sheet holds row {row} twice")
_text("sheet_merges_too_much", "the sheet merges more than {cells} cells")

# --- archives and workbooks
_text("no_zip", "the file is no zip archive, or a damaged one ({error})")
_text("no_workbook", "the file is not an XLSX workbook ({error})")
_text("archive_empty", "the archive holds no file")
_text("archive_members", "{found} members of the archive match {pattern}; it holds {names}")
_text("nothing", "nothing")
_text("download_flat", "download the table again, as one flat file")
_text("ask_one_member", "ask for one file of the agreed name, or change member at {place}")
_text("archive_files", "the archive holds {files} files instead of one, such as {name}")
_text("ask_one_file", "ask for one file a delivery: what is not read would be lost in silence")
_text("archive_entries", "the archive holds {entries} entries, more than {most}")
_text("archive_entries_far_more", "the archive holds far more than {most} entries")
_text("archive_path_leads_out", "the archive holds the path {name}, which leads out of it")
_text("archive_link", "the archive's {name} is a symbolic link")
_text("archive_encrypted", "the archive's {name} is encrypted")
_text("ask_without_password", "ask for the delivery without a password, over a channel that protects it as a whole")
_text("archive_damaged", "the archive's {name} is damaged ({error})")
_text("archive_unpacks_too_large", "the archive unpacks to more than {megabytes} MB")
_text("archive_ratio", "the archive unpacks to more than {ratio} times its size, as archives made to do harm do")
_text("workbook_unpacks_too_large", "the workbook unpacks to more than {megabytes} MB")
_text("workbook_no_xml", "the workbook's {part} is no XML ({error})")
_text("workbook_entities", "the workbook declares XML entities, as files made to do harm do")
_text("sheet_too_large", "a sheet of the workbook spans {rows} rows and {columns} columns, more than {cells} cells")
_text("sheet_too_many_characters", "a sheet of the workbook holds more than {millions} m characters")
_text("ask_csv", "ask for the table as CSV")
_text("no_workbook_part", "the file is not an XLSX workbook (it has no {part})")
_text("old_workbook", "an old Excel workbook (.xls): save as .xlsx")
_text("binary_workbook", "a binary Excel workbook (.xlsb): save as .xlsx")
_text("opendocument_table", "an OpenDocument table (.ods): save as .xlsx")
_text("page_as_workbook", "a page of HTML or XML under the name of a workbook: save as .xlsx")
_text("save_as_xlsx", "open it in a spreadsheet, save it as an Excel workbook (.xlsx), and send that")
_text("workbook_encrypted", "a workbook encrypted with a password")
_text("save_without_password", "save it without a password, and send it again")
_text("old_document", "an old document of Word or PowerPoint, no table")
_text("workbook_for_text", "an Excel workbook (.xlsx), and not the text that is agreed")
_text("save_as_csv", "save it as CSV, as agreed")
_text("packed", "a file packed by {program}, and not the file itself")
_text("ask_unpacked", "unpack it, and send the file that is in it")
_text("ask_zip", "unpack it, and send the file that is in it, or pack it as ZIP as agreed")
_text("no_table", "{kind}, and no table")
_text("kind_pdf", "a PDF document")
_text("kind_image", "an image")
_text("kind_rich_text", "a formatted text (.rtf)")
_text("kind_parquet", "a Parquet file")
_text("kind_sqlite", "a SQLite database")
_text("kind_page", "a web page (HTML)")
_text("ask_table", "ask the supplier for the table as agreed")
_text("text_is_wide", "the file is {found}, of two or four bytes a character")
_text("save_in_encoding", "save it as {encoding}, and send it again, or name its encoding at {place}")
_text("save_as_utf8", "save it as UTF-8, and send it again")

# --- downloads of the statistical offices and of Wegweiser Kommune
_text("genesis_header", "the header is of no flat layout of GENESIS")
_text("genesis_english", "the table is in its English form ({why}), with a decimal point")
_text("download_in_german", "download the table again in German")
_text("genesis_report", "the file is a report of the service, code {code}: {text}")
_text("download_again", "download the table again")
_text("download_again_may_be_empty", "download the table again; the selection may be empty")
_text("download_flat_in_german", "download the table again as flat file (ffcsv), uncompressed empty rows, in German")
_text("ask_as_job", "ask for the table as a job, it is too large for one answer")
_text("fetch_job_result", "the job was only accepted: fetch its result")
_text("try_job_later", "there is no such object, or its job still runs: try again later")
_text(
    "rule_of_underscores_missing",
    "no rule of underscores below line {line}: not a table of the Landesdatenbank, or cut short",
)
_text("download_as_csv", "download the table again as CSV")
_text("json_broken", "the file is no whole JSON text")
_text("json_no_answer", "the JSON is no answer of /rest/statistics/data")
_text("json_no_answer_because", "the JSON is no answer of /rest/statistics/data ({error})")
_text("indicator_incomplete", "an indicator has not a value for each region and year")
_text("indicator_no_number", "{indicator}: a value is no number, as of population pyramids")
_text("leave_indicator_out", "leave it out")
_text("wegweiser_header", "the header is not of cells with a year and a region")
_text(
    "ask_service_again",
    "ask for it again; if it stays so, the service has changed its answers, and this reader must follow",
)

# --- rows
_text("value_missing", "is missing")
_text("value_not_mapped", "is none of {words}")
_text("value_not_in_list", "is not in the code list")
_text("value_pattern", "does not match {pattern}")
_text("value_below", "is below {bound}")
_text("value_above", "is above {bound}")
_text("value_too_long", "has more than {characters} characters")
_text("value_too_large", "is too large")
_text("number_group", "has {sign} where no thousands separator can stand")
_text("number_none", "is not a number")
_text("number_sign", "is {sign}, a sign of the official statistics, and signs are not agreed here")
_text("sign_dash", "a dash")
_text("sign_dots", "three dots")
_text("sign_dot", "a dot")
_text("sign_asterisk", "an asterisk")
_text("sign_slash", "a slash")
_text("sign_x", "an x")
_text("sign_brackets", "empty brackets")
_text("number_in_brackets", "is a number in brackets: of limited reliability in statistics, below zero in accounts")
_text("number_dash", "has a dash where a minus would stand")
_text("number_no_break_spaces", "has no-break spaces between thousands, which are not agreed: say so under groupChar")
_text("number_blanks", "has blanks between thousands, which are not agreed: say so under groupChar")
_text("number_apostrophes", "has apostrophes between thousands, which are not agreed: say so under groupChar")
_text("number_unit", "has a unit beside the number, which is not agreed: say so under bareNumber")
_text("number_exponent", "is written with an exponent, as spreadsheets shorten long numbers: send all digits")
_text("number_trailing_minus", "has its minus behind the number, which is not agreed: say so under trailing_minus")
_text("number_decimal_sign", "has a decimal {found}, agreed is a decimal {agreed}")
_text("decimal_point", "point")
_text("decimal_comma", "comma")
_text("spreadsheet_error", "is the error {error} of a spreadsheet")
_text("control_sign", "holds the control sign {sign} as character {place}: export the text without it")
_text("spreadsheet_too_narrow", "is what a spreadsheet shows where a column is too narrow (###)")
_text(
    "year_implausible",
    "lies outside the years {first} to {last}; a text that stands for an open end belongs under missingValues",
)
_text("date_with_time", "is a date with a time of day, and only 00:00 without a time zone is a whole day")
_text("header_again", "the header stands here again")
_text("number_not_whole", "is not a whole number")
_text("date_other_form", "is a date written as {found}, agreed is {agreed}")
_text("date_as_number", "is a number, as spreadsheets keep days: send days")
_text("date_none", "is not a date written as {form}")
_text("year_none", "is not a year of four digits")
_text("boolean_none", "is neither yes nor no")
_text("field_count", "{fields} fields instead of {agreed}")
_text("quoting_broken", "the quoting is broken")
_text("at_bytes", "{what} (bytes {start} to {end} of the file)")
_text("cell", "the cell {cell} {what}")
_text("cell_error", "holds the error {error}")
_text("cell_text_missing", "names a text that is not there")
_text("cell_formula", "holds a formula without its value: open the workbook in a spreadsheet and save it")
_text("cell_merged", "lies under the merged cells {cells}: part them, and fill in each cell")
_text("cell_untitled", "holds a value, and no title stands above it")
_text("cell_digits", "holds a number of more than {digits} digits, of which some are lost: send it as text")
_text("cell_no_number", "holds no number")
_text("cell_no_date", "holds no date that exists")
_text("cell_number_for_date", "holds a number or truth value where a date belongs")
_text("cell_date_for_number", "holds a date or time where a number belongs")
_text("cell_time_alone", "holds a time of day without a date")
_text("cell_date_with_time", "holds a date with a time of day: send the date alone")
_text("row_repeated", "the row stands in the file before")
_text("row_conflicts", "another row has the same key and other values")
_text("rule_broken", "{rule}")
_text("rule", "“{left}” is {operator} “{right}”")
_text("not_less", "not less (earlier) than")
_text("not_greater", "not greater (later) than")
_text("equal", "equal to")
_text("not_equal", "not equal to")
_text("greater", "greater (later) than")
_text("less", "less (earlier) than")

# --- what the ledger says of a delivery
_text(
    "period_is_taken",
    "delivery {accepted} is accepted for {period}: if this one corrects it, lagebild delivery accept {delivery}"
    " --supersedes --reason ...",
)
_text(
    "bytes_came_before",
    "the same bytes came as delivery {earlier} for {earlier_period} ({file_name}): if they are also right for"
    " {period}, lagebild delivery accept {delivery} --reason ...",
)
_text("acceptance_ended", "its acceptance ended on {day}")
_text("loaded_again", "loaded again as a new attempt")
_text("bytes_accepted_again", "the same bytes are accepted again as delivery {delivery}")
_text("superseded_by", "by delivery {delivery}: {reason}")
_text("reinstated", "reinstated, {why}")
_text("delivery_withdrawn", "delivery {delivery} was withdrawn: {reason}")
_text("acceptance_of_ended", "the acceptance of delivery {delivery} ended")
_text("too_many_rejected_below", "fewer than {count} rejected rows, more than the contract's {limit}")
_text("too_many_rejected_about", "about {count} rejected rows, more than the contract's {limit}")
_text("lower_than_usual", "lower than usual (lagebild delivery statistics {delivery})")
_text("higher_than_usual", "higher than usual (lagebild delivery statistics {delivery})")
_text("too_many_rejected", "{count} rejected rows, more than the contract's {limit}")
_text("check_failed", "{expectation}: {observed} (expected {expected})")
_text("gate_could_not_run", "the gate could not run: {error}")

# --- why a file cannot be loaded yet
_text("key_missing", "the pseudonym key {key} is missing")
_text("key_missing_after_rotation", "the pseudonym key {key} is missing: the warehouse was rotated to it")
_text("key_not_hexadecimal", "the pseudonym key {key} is not hexadecimal")
_text("key_length", "the pseudonym key {key} has not {bytes} bytes")
_text("key_rotated", "the pseudonym key of {municipality} for {purpose} was rotated meanwhile")
_text("restore_key", "restore it from your backup")
_text("restore_or_create_key", "restore it from your backup, or, if this municipality never had one: {command}")
_text("load_again", "nothing was loaded: load the file again")
_text("load_again_unread", "nothing was loaded; load the file again")
_text("name_without_municipality", "{file_name}: the name holds no municipality, so no pseudonym key can be chosen")
_text("name_municipality_group", "name a group (?P<ags>...) in {place}")
_text("records_not_read", "{records} records from line {line} on, but {read} were read")
_text("rows_not_taken", "{file_name}: {rows} rows are new, but PostgreSQL took {taken}")
_text("records_lost", "{file_name}: {records} records in the file, but {loaded} loaded and {rejected} rejected")
_text("report_known_rows", "nothing was loaded; rows were taken for known ones: report this as a defect")
_text("report_lost_rows", "nothing was loaded; the reader lost rows: report this as a defect, with the file's layout")
_text("own_files_wrong", "what the city says of its own files is wrong:\n{findings}")
_text("own_sources_wrong", "what the city says of its own sources is wrong:\n{findings}")
_text("mend_own_files", "mend it; docs/runbooks/own-configuration.md explains every entry")
_text("mend_own_sources", "mend it; ingest/sources/README.md explains every entry")
_text("draft_unreadable", "{path} cannot be read back")
_text("inbox_unusable", "the inbox {inbox} cannot be used: {error}")
_text("inbox_folder_taken", "the inbox {inbox} has no folder {folder}, but something else of that name")
_text("remove_it", "remove it")
_text("inbox_server_unknown", "{inbox}: {path} is missing, and a server whose key nobody checked is not spoken to")
_text("inbox_no_access", "{inbox}: there is no user and key or password")
_text(
    "next_look_tries",
    "nothing is lost: the next look tries again; docs/runbooks/receive-files.md says what to check",
)
_text(
    "server_key_differs",
    "the server's key is not the one in known_hosts of the secrets folder: ask its operator before you change the file"
    " (docs/runbooks/receive-files.md)",
)
_text("ask_server_key", "docs/runbooks/receive-files.md: ask the server's operator for its key, and write it there")
_text("put_private_key", "put the private key into {key}, or {name}_user and {name}_password beside it")

# --- the receipt
_text("state_received", "RECEIVED, not loaded yet")
_text("do_received", "Nothing. Loading is tried again by itself. If it takes longer than a day, ask.")
_text("state_loaded", "LOADED, to be checked next")
_text("do_loaded", "Nothing. This receipt is renewed when the check is done.")
_text("state_accepted", "ACCEPTED")
_text("do_accepted", "Nothing.")
_text("state_held", "HELD, somebody decides on it")
_text(
    "do_held",
    "Look at the reasons. If the file is right, tell the contact; else send a corrected file under the same name.",
)
_text("state_refused", "REFUSED, nothing of it is used")
_text("do_refused", "Mend the reason and send the file again under the same name.")
_text("state_superseded", "SUPERSEDED by a later delivery")
_text("do_superseded", "Nothing.")
_text("state_withdrawn", "WITHDRAWN, nothing of it is used any more")
_text("do_withdrawn", "Nothing, if a corrected file was sent already; else send one.")
_text("state_unknown", "NOT TAKEN, the file was not touched")
_text("do_unknown", "Mend the reason (the list below shows the names that are expected), or take the file away.")
_text("state_removed", "REMOVED, nothing of it was used")
_text("do_removed", "If the file is needed, send it again under one of the agreed names.")
_text("receipt_of", "RECEIPT for {name}")
_text("receipt_state", "State: {state}")
_text("receipt_source", "Source: {title} ({source})")
_text("receipt_delivery", "Delivery number {delivery_id}, period {period}")
_text("receipt_repeat", " (the same bytes had come before; nothing was loaded twice)")
_text("receipt_rows", "{records} records: {loaded} loaded, {rejected} rejected")
_text("receipt_until", "Accepted until {accepted_until}")
_text("receipt_received", "Received: {at}")
_text("receipt_since", "In this state since: {at}")
_text("receipt_reason", "Reason:")
_text("receipt_totals", "Totals that were checked:")
_text("receipt_faults", "What is wrong with the rejected rows:")
_text("receipt_rejected", "Rejected rows (line numbers of the file):")
_text("receipt_line", "  line {line}: {reasons}")
_text("receipt_more", "  and {count} more")
_text("receipt_to_do", "What to do: {to_do}")
_text("receipt_ask", "Ask: {contact}")
_text("receipt_expected", "These files are expected (years and keys are examples):")
_text("receipt_written", "Written: {at}")
_text(
    "kept_in_landing",
    "The file was removed here, because it holds data about persons. Its bytes lie in the landing zone"
    " until the agreed time is over.",
)
_text("kept_taken", "The file lies in {path} until the agreed time is over.")
_text("kept_nowhere", "The file lies neither here nor in the house.")
_text("kept_where_it_was", "The file lies where it was.")
_text("kept_until", "The file lies where it was, and is removed from {day} on.")
_text("do_rename", "Rename the file, for example to {name}.")
_text("do_save_as", "Save it as .{right}, for example under {name}; renaming alone is not enough.")
_text("kind_not_agreed", "the file is a .{kind}, and .{right} is agreed")
_text("empty_in_inbox", "the file is empty; if that is meant, put a file of the same name and .ok beside it")
_text("folder_of_no_source", "the folder {folder} is not one of the sources")
_text("name_of_several", "the name fits several sources ({sources}); put the file into the folder of one of them")
_text("name_of_none", "the name fits no source")
_text("name_with_short_ags", "in the name of the file stands {ags}: an AGS has 8 digits, this has {count}")
_text(
    "name_with_no_ags",
    "in the name of the file stands {ags}: an AGS has 8 digits, the first two of a state, 01 to 16",
)
_text("name_no_text", "the name of the file or its folder holds bytes that are no characters")
_text("name_of_copy", "the name of the file is that of a copy")
