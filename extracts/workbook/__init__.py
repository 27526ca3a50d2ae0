"""The package as one workbook for people: title pages, key figures with charts, tables a topic, all data, explanations.

The same contents give the same bytes: the moment of creation is the publication's, and the members of the zip file have
a fixed date. Nothing here reads a database, a clock, a locale or the environment.
"""

from extracts.workbook.book import xlsx_bytes

__all__ = ["xlsx_bytes"]
