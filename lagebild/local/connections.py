"""Files by which tools of BI readers connect: Power BI (.pbids), Excel (.odc) and any ODBC; none holds a password."""

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

TITLE = "Lagebild"
ABOUT = "Marts of Lagebild: cost and outcome indicators of municipal integration policy (schema marts)"
ODBC_OPTIONS = {
    "ReadOnly": "1",
    "BoolsAsChar": "0",  # else a boolean arrives as the text 0 or 1
    "TextAsLongVarchar": "1",
    "MaxLongVarcharSize": "32766",  # captions are longer than the 255 characters of a short text
    "UseDeclareFetch": "1",  # rows come in blocks rather than all at once
    "Fetch": "10000",
}
"""What the PostgreSQL ODBC driver has to be told; why: docs/tools/README.md."""
_ODC = """\
<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40">
<head>
<meta http-equiv="Content-Type" content="text/x-ms-odc; charset=utf-8"/>
<meta name="ProgId" content="ODC.Table"/>
<meta name="SourceType" content="ODBC"/>
<title>{title}</title>
<xml id="docprops"><o:DocumentProperties>
<o:Description>{about}</o:Description>
<o:Name>{title}</o:Name>
</o:DocumentProperties></xml>
<xml id="msodc"><odc:OfficeDataConnection xmlns:odc="urn:schemas-microsoft-com:office:odc">
<odc:Connection odc:Type="ODBC">
<odc:ConnectionString>{connection}</odc:ConnectionString>
<odc:CommandType>SQL</odc:CommandType>
<odc:CommandText>select * from marts.cost_per_person</odc:CommandText>
</odc:Connection>
</odc:OfficeDataConnection></xml>
</head>
<body></body>
</html>
"""


def odbc_string(told: dict[str, str], driver: str = "PostgreSQL Unicode(x64)") -> str:
    """A connection string without a password; on Linux the driver is called `PostgreSQL Unicode`."""
    server = {"Server": told["host"], "Port": told["port"], "Database": told["dbname"], "Uid": told["user"]}
    given = {"Driver": f"{{{driver}}}", **server, **ODBC_OPTIONS}
    return "".join(f"{name}={value};" for name, value in given.items())


def _pbids(told: dict[str, str]) -> str:
    address = {"server": f"{told['host']}:{told['port']}", "database": told["dbname"]}
    connection = {"details": {"protocol": "postgresql", "address": address}, "options": {}, "mode": "Import"}
    return json.dumps({"version": "0.1", "connections": [connection]}, indent=2) + "\n"


def _odc(told: dict[str, str]) -> str:
    return _ODC.format(title=TITLE, about=escape(ABOUT), connection=escape(odbc_string(told)))


def _odbc(told: dict[str, str]) -> str:
    lines = [f"[{TITLE}]", f"Description={ABOUT}", "Driver=PostgreSQL Unicode"]
    lines += [f"Servername={told['host']}", f"Port={told['port']}", f"Database={told['dbname']}"]
    lines += [f"Username={told['user']}", *(f"{name}={value}" for name, value in ODBC_OPTIONS.items())]
    return "\n".join(lines) + "\n"


FORMS: dict[str, Callable[[dict[str, str]], str]] = {"pbids": _pbids, "odc": _odc, "odbc": _odbc}
"""pbids for Power BI Desktop, odc for Excel, odbc as a section of odbc.ini; each from libpq's parameters."""
