"""Connectors: what is pulled from other hosts. `catalogue.yml` says what, `ingest/fetch.py` when and in what order."""
