"""Folders of an inbox that are the product's own: no source may have their names."""

TAKEN, RECEIPTS = "taken", "receipts"
