"""What is said about a file, in German, for the supplier who reads its receipt: one entry a text.

The ledger and `raw.rejected_row` keep their reasons in English. Here stands each of them with its values as `{}`
(`{*}`: a text that has an entry of its own), and what a supplier reads in its place; an instruction that is for the
operator becomes what the supplier can do. What has no entry is shown as it is, and said to be English.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from ingest.contracts import Contract, Rule

_AGAIN = "schicken Sie die Datei noch einmal"
_AS_AGREED = "schicken Sie die Datei im vereinbarten Aufbau; hat er sich geändert, sagen Sie es der Ansprechstelle"
_ENCODED = "schicken Sie die Datei in der vereinbarten Kodierung; ist es eine andere, sagen Sie es der Ansprechstelle"
_KEY = "ein Schlüssel für Pseudonyme fehlt hier oder ist beschädigt; an der Datei liegt es nicht"
_OURS = "nichts; die annehmende Stelle richtet es"
_DEFECT = "beim Laden gingen Zeilen verloren, deshalb wurde nichts geladen; an der Datei liegt es nicht"
_CITY = "die annehmende Stelle hat Dateien ihrer Stadt falsch beschrieben; an der Datei liegt es nicht"
_AWAY = "auf den Eingang kann gerade nicht zugegriffen werden; an der Datei liegt es nicht"

TEXTS = {
    # --- the file as a whole
    "the file is empty": "die Datei ist leer",
    "the name of the file is not the agreed one": "der Name der Datei ist nicht der vereinbarte",
    "rename it, for example to {}": "benennen Sie die Datei um, zum Beispiel in {0}",
    "its SHA-256 is {}, but its sender says {}": "die Prüfsumme (SHA-256) der Datei ist {0}, in der .sha256-Datei"
    " steht {1}",
    "none that could be read": "keine lesbare",
    "send the file and its .sha256 again": "schicken Sie die Datei und ihre .sha256-Datei noch einmal",
    "{} has a history, and the period {} ends in no day": "der Name der Datei nennt keinen Stichtag ({1})",
    "the file's name must end in a day such as 2019-12-31": "der Name muss mit einem Tag enden, wie 2019-12-31",
    "line {} is marked synthetic, and this warehouse holds real data": "Zeile {0} ist als synthetisch gekennzeichnet;"
    " hier liegen nur echte Daten",
    "try made-up files in another clone, with LAGEBILD_PRACTICE=1 in its .env": "schicken Sie nur echte Daten;"
    " ausprobiert wird in einer Übungsinstallation",
    "there is a header and nothing below it": "unter der Kopfzeile steht nichts",
    "the file holds a header and no row": "unter der Kopfzeile steht nichts",
    "the file has more than {} MB, and the reader {} holds whole files in memory": "die Datei ist größer als {0} MB",
    "ask the supplier for the file again": _AGAIN,
    "ask for the file again": _AGAIN,
    "ask for smaller deliveries": "teilen Sie die Lieferung in kleinere Dateien auf",
    # --- encoding and lines
    "line {}: {*}": "Zeile {0}: {1}",
    "a byte is not {}": "ein Zeichen ist nicht in {0} kodiert",
    "byte {} is not {}": "ein Zeichen ist nicht in {1} kodiert",
    "the file is UTF-8, not {}": "die Datei ist in UTF-8 kodiert, nicht in {0}",
    "the file is Windows-1252, not {}": "die Datei ist in Windows-1252 kodiert, nicht in {0}",
    "the file starts with a byte order mark, which {} has not": "die Datei beginnt mit einem Byte Order Mark, das es in"
    " {0} nicht gibt",
    "a byte order mark, which is not agreed": "ein Byte Order Mark, das nicht vereinbart ist",
    "ask for the file in {}, or name its encoding at {}": "schicken Sie die Datei in {0}; ist eine andere Kodierung"
    " gemeint, sagen Sie es der Ansprechstelle",
    "name the encoding utf-8-sig at {}": _ENCODED,
    "name the encoding utf-8 at {}": _ENCODED,
    "name its encoding at {}": _ENCODED,
    "a NUL byte": "ein NUL-Zeichen",
    "the file is damaged or not text: ask for it again": "die Datei ist beschädigt oder keine Textdatei: " + _AGAIN,
    "longer than {} MiB": "länger als {0} MiB",
    "such a file has no lines: ask the supplier for the file as agreed": "eine solche Datei hat keine Zeilen: schicken"
    " Sie sie wie vereinbart",
    "the quoting is broken and no record follows it": "die Anführungszeichen sind falsch gesetzt, und danach ist keine"
    " Zeile mehr zu lesen",
    "it ends with {}, agreed is {}": "die Zeile endet mit {0}, vereinbart ist {1}",
    "it says that {} parts the fields, agreed is {}": "nach ihrer Angabe trennt {0} die Felder, vereinbart ist {1}",
    "{} parts the fields, agreed is {}": "{0} trennt die Felder, vereinbart ist {1}",
    "it is part of a title that began before": "sie gehört zu einem Spaltentitel, der davor beginnt",
    "the file ends before the header in line {}": "die Datei endet vor der Kopfzeile in Zeile {0}",
    "ask the supplier for the file as agreed, or change {} at {}": _AS_AGREED,
    "the quoting of the header is broken": "die Anführungszeichen der Kopfzeile sind falsch gesetzt",
    "the quoting is broken there: {*}": "die Anführungszeichen sind dort falsch gesetzt: {0}",
    "unexpected end of data": "die Datei endet mitten in einer Angabe",  # this and the next are of Python's csv
    "{} expected after {}": "hinter {1} fehlt {0}",
    # --- header and sheet
    "the header is not the contract's ({*}; compared with layout {})": "die Kopfzeile ist nicht die vereinbarte ({0})",
    "the header is not the contract's of {} ({*}; compared with layout {})": "die Kopfzeile ist nicht die für {0}"
    " vereinbarte ({1})",
    "the header is not the contract's ({*}; not shown, because a file without a header has a person's values there)": (
        "die Kopfzeile ist nicht die vereinbarte ({0}; gezeigt wird sie nicht, weil in einer Datei ohne Kopfzeile dort"
        " Angaben über eine Person stehen)"
    ),
    "missing: {}": "es fehlt: {0}",
    "missing: {} and {} more": "es fehlt: {0} und {1} weitere",
    "unknown: {}": "unbekannt: {0}",
    "unknown: {} and {} more": "unbekannt: {0} und {1} weitere",
    "more than once: {}": "mehrfach: {0}",
    "more than once: {} and {} more": "mehrfach: {0} und {1} weitere",
    "of the optional columns, which are all there or none, missing: {}": "von den Spalten, die alle da sind oder alle"
    " fehlen, fehlt: {0}",
    "of the optional columns, which are all there or none, missing: {} and {} more": "von den Spalten, die alle da sind"
    " oder alle fehlen, fehlt: {0} und {1} weitere",
    "the columns stand in another order": "die Spalten stehen in anderer Reihenfolge",
    "the columns stand otherwise": "die Spalten stehen anders",
    "{} columns, {} of them unknown": "{0} Spalten, davon {1} unbekannt",
    "ask the supplier for the agreed layout, or, if this is what it means, add {}": _AS_AGREED,
    "ask the supplier for the agreed layout, or, if this is what it means, change the entry at {}: {}": _AS_AGREED,
    "ask the supplier for the agreed layout, or describe the new columns in {}": _AS_AGREED,
    "choose these columns in the export and no others: {}; what may be missing, and a layout of your own, is said at"
    " {}": "wählen Sie in der Liste genau diese Spalten: {0}; ist ein anderer Aufbau gemeint, sagen Sie es der"
    " Ansprechstelle",
    "rows stand below the total of line {}": "unter der Summe in Zeile {0} stehen noch Zeilen",
    "ask for the export without subtotals: which rows they sum up is not read": "schicken Sie die Liste ohne"
    " Zwischensummen; welche Zeilen sie zusammenfassen, wird nicht gelesen",
    "lagebild contracts fit {} FILE shows the difference on your screen only": _AS_AGREED,
    "there is no sheet {}, only {}": "das Tabellenblatt {0} fehlt; es gibt {1}",
    "name the sheet at {}": "nennen Sie das Tabellenblatt wie vereinbart; heißt es jetzt anders, sagen Sie es der"
    " Ansprechstelle",
    "the sheet {} is empty": "das Tabellenblatt {0} ist leer",
    "the sheet holds row {} twice": "das Tabellenblatt enthält die Zeile {0} zweimal",
    "the sheet merges more than {} cells": "im Tabellenblatt sind mehr als {0} Zellen verbunden",
    # --- archives and workbooks
    "the file is no zip archive, or a damaged one ({})": "die Datei ist kein ZIP-Archiv, oder sie ist beschädigt",
    "the file is not an XLSX workbook ({})": "die Datei ist keine Excel-Arbeitsmappe (XLSX), oder sie ist beschädigt",
    "the archive holds no file": "im Archiv liegt keine Datei",
    "{} members of the archive match {}; it holds {}": "{0} Dateien im Archiv heißen wie vereinbart ({1}), es muss eine"
    " sein; darin liegen {2}",
    "nothing": "nichts",
    "download the table again, as one flat file": "laden Sie die Tabelle noch einmal herunter, als eine flache Datei",
    "ask for one file of the agreed name, or change member at {}": "schicken Sie ein Archiv mit einer Datei des"
    " vereinbarten Namens",
    "the archive holds {} files instead of one, such as {}": "im Archiv liegen {0} Dateien statt einer, darunter {1}",
    "ask for one file a delivery: what is not read would be lost in silence": "schicken Sie jede Datei für sich; was"
    " nicht gelesen würde, ginge unbemerkt verloren",
    "the archive holds {} entries, more than {}": "im Archiv liegen {0} Einträge, mehr als {1}",
    "the archive holds far more than {} entries": "im Archiv liegen weit mehr als {0} Einträge",
    "the archive holds the path {}, which leads out of it": "im Archiv steht der Pfad {0}, der aus ihm hinausführt",
    "the archive's {} is a symbolic link": "{0} im Archiv ist eine Verknüpfung, keine Datei",
    "the archive's {} is encrypted": "{0} im Archiv ist verschlüsselt",
    "ask for the delivery without a password, over a channel that protects it as a whole": "schicken Sie das Archiv"
    " ohne Kennwort, auf einem Weg, der es als Ganzes schützt",
    "the archive's {} is damaged ({})": "{0} im Archiv ist beschädigt",
    "the archive unpacks to more than {} MB": "entpackt ist das Archiv größer als {0} MB",
    "the archive unpacks to more than {} times its size, as archives made to do harm do": "entpackt ist das Archiv mehr"
    " als {0}-mal so groß, wie bei Archiven, die Schaden anrichten sollen",
    "the workbook unpacks to more than {} MB": "entpackt ist die Arbeitsmappe größer als {0} MB",
    "the workbook's {} is no XML ({})": "die Arbeitsmappe ist beschädigt",
    "the workbook declares XML entities, as files made to do harm do": "die Arbeitsmappe enthält XML-Entitäten, wie"
    " Dateien, die Schaden anrichten sollen",
    "a sheet of the workbook spans {} rows and {} columns, more than {} cells": "ein Tabellenblatt hat {0} Zeilen und"
    " {1} Spalten, mehr als {2} Zellen",
    "a sheet of the workbook holds more than {} m characters": "ein Tabellenblatt enthält mehr als {0} Mio. Zeichen",
    "ask for the table as CSV": "schicken Sie die Tabelle als CSV-Datei",
    "the file is not an XLSX workbook (it has no {})": "die Datei ist keine Excel-Arbeitsmappe (XLSX), oder sie ist"
    " beschädigt",
    "an old Excel workbook (.xls): save as .xlsx": "die Datei ist eine alte Excel-Arbeitsmappe (.xls)",
    "a binary Excel workbook (.xlsb): save as .xlsx": "die Datei ist eine binäre Excel-Arbeitsmappe (.xlsb)",
    "an OpenDocument table (.ods): save as .xlsx": "die Datei ist eine OpenDocument-Tabelle (.ods)",
    "a page of HTML or XML under the name of a workbook: save as .xlsx": "die Datei ist eine HTML- oder XML-Seite"
    " unter dem Namen einer Arbeitsmappe",
    "open it in a spreadsheet, save it as an Excel workbook (.xlsx), and send that": "öffnen Sie die Datei in einer"
    " Tabellenkalkulation, speichern Sie sie als .xlsx, und schicken Sie diese",
    "a workbook encrypted with a password": "die Arbeitsmappe ist mit einem Kennwort verschlüsselt",
    "save it without a password, and send it again": "speichern Sie sie ohne Kennwort, und schicken Sie sie noch"
    " einmal",
    "an old document of Word or PowerPoint, no table": "die Datei ist ein altes Dokument von Word oder PowerPoint",
    "an Excel workbook (.xlsx), and not the text that is agreed": "die Datei ist eine Excel-Arbeitsmappe (.xlsx);"
    " vereinbart ist eine Textdatei",
    "save it as CSV, as agreed": "speichern Sie die Tabelle als CSV-Datei wie vereinbart, und schicken Sie diese",
    # --- downloads of the statistical offices and of Wegweiser Kommune
    "the header is of no flat layout of GENESIS": "die Kopfzeile ist nicht die einer flachen Datei von GENESIS",
    "the table is in its English form ({}), with a decimal point": "die Tabelle ist in der englischen Fassung ({0}),"
    " mit Dezimalpunkt",
    "download the table again in German": "laden Sie die Tabelle auf Deutsch herunter",
    "the file is a report of the service, code {}: {}": "statt der Tabelle enthält die Datei eine Meldung des Dienstes,"
    " Code {0}: {1}",
    "download the table again": "laden Sie die Tabelle noch einmal herunter",
    "download the table again; the selection may be empty": "laden Sie die Tabelle noch einmal herunter; die Auswahl"
    " ist vielleicht leer",
    "download the table again as flat file (ffcsv), uncompressed empty rows, in German": "laden Sie die Tabelle als"
    " flache Datei (ffcsv) herunter, auf Deutsch, ohne leere Zeilen zu unterdrücken",
    "ask for the table as a job, it is too large for one answer": "rufen Sie die Tabelle als Auftrag ab, sie ist zu"
    " groß für eine Antwort",
    "the job was only accepted: fetch its result": "der Auftrag wurde erst angenommen: rufen Sie sein Ergebnis ab",
    "there is no such object, or its job still runs: try again later": "das Objekt gibt es nicht, oder der Auftrag"
    " läuft noch: versuchen Sie es später",
    "no rule of underscores below line {}: not a table of the Landesdatenbank, or cut short": "unter Zeile {0} fehlt"
    " die Linie aus Unterstrichen: die Datei ist keine Tabelle der Landesdatenbank, oder sie ist abgeschnitten",
    "download the table again as CSV": "laden Sie die Tabelle noch einmal als CSV-Datei herunter",
    "the file is no whole JSON text": "die Datei ist kein vollständiger JSON-Text",
    "the JSON is no answer of /rest/statistics/data": "das JSON ist keine Antwort von /rest/statistics/data",
    "the JSON is no answer of /rest/statistics/data ({})": "das JSON ist keine Antwort von /rest/statistics/data",
    "an indicator has not a value for each region and year": "ein Indikator hat nicht für jede Region und jedes"
    " Jahr einen Wert",
    "{}: a value is no number, as of population pyramids": "{0}: ein Wert ist keine Zahl, wie bei"
    " Bevölkerungspyramiden",
    "leave it out": "lassen Sie diesen Indikator weg",
    "the header is not of cells with a year and a region": "die Kopfzeile nennt nicht Jahr und Region",
    "ask for it again; if it stays so, the service has changed its answers, and this reader must follow": "laden Sie"
    " die Tabelle noch einmal herunter; bleibt es so, hat der Dienst seine Antworten geändert",
    # --- rows
    "is missing": "die Angabe fehlt",
    "is none of {}": "die Angabe ist keine der folgenden: {0}",
    "is not in the code list": "die Angabe steht nicht in der Liste der erlaubten Werte",
    "does not match {}": "die Angabe ist nicht so geschrieben wie vereinbart (Muster {0})",
    "is below {}": "die Angabe ist kleiner oder früher als {0}",
    "is above {}": "die Angabe ist größer oder später als {0}",
    "has more than {} characters": "die Angabe hat mehr als {0} Zeichen",
    "is too large": "die Angabe ist zu groß",
    "has {} where no thousands separator can stand": "die Angabe hat {0} an einer Stelle, an der kein Trennzeichen für"
    " Tausender stehen kann",
    "is not a number": "die Angabe ist keine Zahl",
    "is {}, a sign of the official statistics, and signs are not agreed here": "die Angabe ist ein Zeichen der"
    " amtlichen Statistik ({0}); solche Zeichen sind für diese Spalte nicht vereinbart",
    "a dash": "Strich",
    "three dots": "drei Punkte",
    "a dot": "Punkt",
    "an asterisk": "Stern",
    "a slash": "Schrägstrich",
    "an x": "x",
    "empty brackets": "leere Klammern",
    "is a number in brackets: of limited reliability in statistics, below zero in accounts": "die Zahl steht in"
    " Klammern: in Statistiken heißt das eingeschränkt verlässlich, in Rechnungen negativ",
    "has a dash where a minus would stand": "vor oder hinter der Zahl steht ein Gedankenstrich statt eines Minus",
    "has no-break spaces between thousands, which are not agreed: say so under groupChar": "zwischen den Tausendern"
    " stehen geschützte Leerzeichen, die nicht vereinbart sind",
    "has blanks between thousands, which are not agreed: say so under groupChar": "zwischen den Tausendern stehen"
    " Leerzeichen, die nicht vereinbart sind",
    "has apostrophes between thousands, which are not agreed: say so under groupChar": "zwischen den Tausendern stehen"
    " Apostrophe, die nicht vereinbart sind",
    "has a unit beside the number, which is not agreed: say so under bareNumber": "neben der Zahl steht eine Einheit"
    " (€, %), die nicht vereinbart ist",
    "is written with an exponent, as spreadsheets shorten long numbers: send all digits": "die Zahl ist mit"
    " Exponent geschrieben, wie Tabellenprogramme lange Zahlen kürzen; schicken Sie alle Ziffern",
    "has its minus behind the number, which is not agreed: say so under trailing_minus": "das Minus steht hinter der"
    " Zahl, was nicht vereinbart ist",
    "has a decimal {}, agreed is a decimal {}": "das Dezimalzeichen der Zahl ist {0}, vereinbart ist {1}",
    "point": "Punkt",
    "comma": "Komma",
    "is the error {} of a spreadsheet": "die Angabe ist die Fehlermeldung {0} eines Tabellenprogramms",
    "is what a spreadsheet shows where a column is too narrow (###)": "die Angabe ist nur ###, weil die Spalte im"
    " Tabellenprogramm zu schmal war",
    "lies outside the years {} to {}; a text that stands for an open end belongs under missingValues": "das Jahr liegt"
    " nicht zwischen {0} und {1}; steht die Angabe für ein offenes Ende, sagen Sie es der Ansprechstelle",
    "is a date with a time of day, and only 00:00 without a time zone is a whole day": "das Datum hat eine Uhrzeit; nur"
    " 00:00 ohne Zeitzone ist ein ganzer Tag",
    "the header stands here again": "hier steht die Kopfzeile noch einmal",
    "the header stands here again (bytes {} to {} of the file)": "hier steht die Kopfzeile noch einmal (Bytes {0} bis"
    " {1} der Datei)",
    "is not a whole number": "die Angabe ist keine ganze Zahl",
    "is a date written as {}, agreed is {}": "die Angabe ist ein Datum der Form {0:date}, vereinbart ist {1:date}",
    "is a number, as spreadsheets keep days: send days": "die Angabe ist eine Zahl, wie Tabellenprogramme Tage"
    " speichern: schicken Sie das Datum",
    "is not a date written as {}": "die Angabe ist kein Datum der Form {0:date}",
    "is not a year of four digits": "die Angabe ist kein Jahr aus vier Ziffern",
    "is neither yes nor no": "die Angabe ist weder ja noch nein",
    "{} fields instead of {}": "die Zeile hat {0} Felder statt {1}",
    "{} fields instead of {} (bytes {} to {} of the file)": "die Zeile hat {0} Felder statt {1} (Bytes {2} bis {3} der"
    " Datei)",
    "the quoting is broken": "die Anführungszeichen der Zeile sind falsch gesetzt",
    "the quoting is broken (bytes {} to {} of the file)": "die Anführungszeichen der Zeile sind falsch gesetzt (Bytes"
    " {0} bis {1} der Datei)",
    "the cell {} {}": "die Zelle {0} {1}",
    "holds the error {}": "enthält den Fehler {0}",
    "names a text that is not there": "verweist auf einen Text, den die Arbeitsmappe nicht enthält",
    "holds a formula without its value: open the workbook in a spreadsheet and save it": "enthält eine Formel ohne"
    " ihren Wert: öffnen Sie die Arbeitsmappe in einer Tabellenkalkulation, und speichern Sie sie",
    "lies under the merged cells {}: part them, and fill in each cell": "liegt unter den verbundenen Zellen {0}: heben"
    " Sie die Verbindung auf, und füllen Sie jede Zelle aus",
    "holds a value, and no title stands above it": "enthält eine Angabe, über der keine Überschrift steht",
    "holds a number of more than {} digits, of which some are lost: send it as text": "enthält eine Zahl von mehr als"
    " {0} Ziffern, von denen einige verloren sind: schicken Sie sie als Text",
    "holds no number": "enthält keine Zahl",
    "holds no date that exists": "enthält kein Datum, das es gibt",
    "holds a number or truth value where a date belongs": "enthält eine Zahl oder einen Wahrheitswert statt eines"
    " Datums",
    "holds a date or time where a number belongs": "enthält ein Datum oder eine Uhrzeit statt einer Zahl",
    "holds a time of day without a date": "enthält eine Uhrzeit ohne Datum",
    "holds a date with a time of day: send the date alone": "enthält ein Datum mit Uhrzeit: schicken Sie das Datum"
    " allein",
    "the row stands in the file before": "die Zeile steht schon einmal in der Datei",
    "another row has the same key and other values": "eine andere Zeile hat denselben Schlüssel und andere Angaben",
    "erased": "auf Verlangen einer Person gelöscht",
    # --- what the ledger says of a delivery
    "delivery {} is accepted for {}: if this one corrects it, lagebild accept {} --supersedes --reason ...": (
        "für {1} ist schon die Lieferung {0} angenommen; berichtigt diese Datei sie, sagen Sie es der Ansprechstelle"
    ),
    "the same bytes came as delivery {} for {} ({}): if they are also right for {}, lagebild accept {} --reason ...": (
        "dieselbe Datei kam schon als Lieferung {0} für {1} ({2}); gilt sie auch für {3}, sagen Sie es der"
        " Ansprechstelle, sonst schicken Sie die richtige"
    ),
    "its acceptance ended on {}": "ihre Annahme war bis {0} befristet",
    "loaded again as a new attempt": "sie wurde als neuer Versuch noch einmal geladen",
    "the same bytes are accepted again as delivery {}": "dieselbe Datei ist als Lieferung {0} wieder angenommen",
    "by delivery {}: {}": "durch die Lieferung {0}: {1}",
    "reinstated, {*}": "wieder angenommen, denn {0}",
    "delivery {} was withdrawn: {}": "die Lieferung {0} wurde zurückgezogen: {1}",
    "the acceptance of delivery {} ended": "die Annahme der Lieferung {0} war befristet",
    "fewer than {} rejected rows, more than the contract's {}": "weniger als {0} zurückgewiesene Zeilen, mehr als die"
    " vereinbarten {1}",
    "about {} rejected rows, more than the contract's {}": "etwa {0} zurückgewiesene Zeilen, mehr als die"
    " vereinbarten {1}",
    "lower than usual (lagebild statistics {})": "niedriger als üblich",
    "higher than usual (lagebild statistics {})": "höher als üblich",
    "{} rejected rows, more than the contract's {}": "{0} zurückgewiesene Zeilen, mehr als die vereinbarten {1}",
    "{}: {} (expected {})": "die Prüfung {0} ist nicht bestanden (englisch im Original): {1}; erwartet: {2}",
    "the gate could not run: {}": "die Prüfung war nicht möglich (englisch im Original): {0}",
    # --- why a file cannot be loaded yet
    "the pseudonym key {} is missing": _KEY,
    "the pseudonym key {} is missing: the warehouse was rotated to it": _KEY,
    "the pseudonym key {} is not hexadecimal": _KEY,
    "the pseudonym key {} has not {} bytes": _KEY,
    "the pseudonym key of {} for {} was rotated meanwhile": "ein Schlüssel für Pseudonyme wurde inzwischen gewechselt",
    "restore it from your backup": _OURS,
    "restore it from your backup, or, if this municipality never had one: {}": _OURS,
    "nothing was loaded: load the file again": _OURS,
    "nothing was loaded; load the file again": _OURS,
    "the name holds no municipality, so no pseudonym key can be chosen": "der Name der Datei nennt keine Gemeinde",
    "name a group (?P<ags>...) in {}": _OURS,
    "{} records from line {} on, but {} were read": _DEFECT,
    "{} rows are new, but PostgreSQL took {}": _DEFECT,
    "{} records in the file, but {} loaded and {} rejected": _DEFECT,
    "nothing was loaded; rows were taken for known ones: report this as a defect": _OURS,
    "nothing was loaded; the reader lost rows: report this as a defect, with the file's layout": _OURS,
    "what the city says of its own files is wrong:\n{}": _CITY,
    "what the city says of its own sources is wrong:\n{}": _CITY,
    "mend it; docs/runbooks/own-configuration.md explains every entry": _OURS,
    "mend it; ingest/sources/README.md explains every entry": _OURS,
    "{} cannot be read back": "ein Zwischenstand ist beschädigt; an der Datei liegt es nicht",
    "the inbox {} cannot be used: {}": _AWAY,
    "the inbox {} has no folder {}, but something else of that name": "im Eingang liegt etwas, das heißt wie der Ordner"
    " {1}, aber keiner ist",
    "remove it": "nehmen Sie es weg",
    "{}: {} is missing, and a server whose key nobody checked is not spoken to": _AWAY,
    "{}: there is no user and key or password": _AWAY,
    "nothing is lost: the next look tries again; docs/runbooks/receive-files.md says what to check": _OURS,
    "the server's key is not the one in known_hosts of the secrets folder: ask its operator before you change the file"
    " (docs/runbooks/receive-files.md)": _OURS,
    "docs/runbooks/receive-files.md: ask the server's operator for its key, and write it there": _OURS,
    "put the private key into {}, or {}_user and {}_password beside it": _OURS,
}
"""By the English text; `{0}` is the first of its values."""

_OPERATORS = {
    ">=": "nicht kleiner (früher) als",
    "<=": "nicht größer (später) als",
    "==": "gleich",
    "!=": "nicht gleich",
    ">": "größer (später) als",
    "<": "kleiner (früher) als",
}
_DATE = {"%d": "TT", "%m": "MM", "%Y": "JJJJ", "%y": "JJ"}
_MARK = " (englisch im Original)"
_REMEDY = "\nAbhilfe: "


class _Value(str):
    def __format__(self, spec: str) -> str:
        return date_form(self) if spec == "date" else str(self)


def reason(text: str, file_name: str, is_by_person: bool = False) -> str:
    """A reason of the ledger, or why a file cannot be loaded yet; what a person wrote stands as it was written."""
    text = text.removeprefix(f"{file_name}: ")
    return _refusal(text) or _listed(text, "" if is_by_person else _MARK)


def rejection(contract: Contract, entry: Mapping[str, str]) -> str:
    """A reason of a rejected row, as `raw.rejected_row` keeps it: code, field and message."""
    field, message = entry["field"], entry["message"]
    broken = next((rule for rule in contract.rules if entry["code"] == "rule" and rule.message == message), None)
    if broken:
        return f"nicht erfüllt: {rule_text(contract, broken)}"
    said = _listed(message.removeprefix(f"{field}: ").removeprefix(f"{field} "), _MARK)
    return f"{field}: {said}" if field else said


def rule_text(contract: Contract, rule: Rule) -> str:
    """What a rule across fields asks for."""
    titles = {field.name: field.title or field.name for field in contract.fields}
    right = titles[rule.right] if rule.right else str(rule.literal)
    return f"„{titles[rule.left]}“ ist {_OPERATORS[rule.operator]} „{right}“"


def date_form(form: str) -> str:
    """A format of dates, such as %d.%m.%Y, as people write it."""
    return re.sub(r"%.", lambda match: _DATE.get(match[0], match[0]), form)


def _refusal(text: str) -> str | None:
    """What is wrong and what to do, where the text is of these two; None where it is not."""
    for between in ("\n  what to do: ", " - "):
        parts = text.split(between)
        for n in range(1, len(parts)):
            wrong, remedy = _entry(between.join(parts[:n])), _entry(between.join(parts[n:]))
            if wrong and remedy:
                return wrong + _REMEDY + remedy
    return None


def _listed(text: str, mark: str) -> str:
    """Several texts with semicolons between them, each in German; `mark` stands behind those that have no entry."""
    return "; ".join(_parts(text.split("; "), mark))


def _parts(left: list[str], mark: str) -> Iterator[str]:
    strange: list[str] = []
    while left:
        joined = ((n, _entry("; ".join(left[:n]))) for n in range(1, len(left) + 1))
        n, known = next(((n, known) for n, known in joined if known), (1, None))
        if known and strange:
            yield "; ".join(strange) + mark
            strange = []
        if known:
            yield known
        else:
            strange.append(left[0])
        left = left[n:]
    if strange:
        yield "; ".join(strange) + mark


def _entry(text: str) -> str | None:
    """The German of a text that has an entry; None where it has none."""
    for pattern, german, nested in _patterns():
        if match := pattern.fullmatch(text):
            values = [
                _listed(value, _MARK) if n in nested else _entry(value) or value
                for n, value in enumerate(match.groups())
            ]
            return german.format(*map(_Value, values))
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str, frozenset[int]]]:
    """The entries that say most first, and which of their values have to have an entry too.

    A value at the beginning is one word, so that it is not taken for whatever else stands before.
    """
    found = []
    for english in sorted(TEXTS, key=lambda text: -len(re.sub(r"\{\*?\}", "", text))):
        pieces = re.split(r"(\{\*?\})", english)
        pattern = "(.+?)".join(map(re.escape, pieces[::2])).removeprefix("(.+?)")
        pattern = pattern if pieces[0] else rf"(\S+?){pattern}"
        nested = frozenset(n for n, value in enumerate(pieces[1::2]) if value == "{*}")
        found.append((re.compile(pattern, re.DOTALL), TEXTS[english], nested))
    return found
