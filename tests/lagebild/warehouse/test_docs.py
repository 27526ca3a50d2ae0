"""dbt's page: whole, from the real project, and silent towards the internet."""

import json
import re
from dataclasses import replace

import pytest

from lagebild.core.errors import UserError
from lagebild.warehouse import dbt_docs, marts


@pytest.mark.nightly
def test_the_page_holds_every_mart_and_asks_the_internet_for_nothing(warehouse):
    page = dbt_docs.write(warehouse, warehouse.home / "docs" / "index.html").read_text(encoding="utf-8")
    for mart in marts.definitions():
        assert (
            json.dumps(mart.description)[1:-1] in page or json.dumps(mart.description, ensure_ascii=False)[1:-1] in page
        )
    head = page[: page.index("<script")]
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=\"(https?:)?//", head)
    # dbt's page reports to its maker where the manifest says so
    assert re.search(r'"send_anonymous_usage_stats": ?false', page)


def test_without_a_server_dbt_says_why(warehouse):
    nowhere = replace(warehouse, warehouse_dsn="host=127.0.0.1 port=1 dbname=none user=none password=none")
    with pytest.raises(UserError, match="dbt could not write its page"):
        dbt_docs.write(nowhere, warehouse.home / "docs" / "index.html")
    assert not (warehouse.home / "docs" / "index.html").exists()
