"""The server of the checks' pages: it starts once, writes pages when somebody looks, and ends."""

import contextlib
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from http.server import ThreadingHTTPServer

from expectations import docs
from lagebild.core.errors import UserError
from lagebild.local import background, pages, ports


@contextlib.contextmanager
def served(settings):
    """The handler in this process, so that nothing is started."""
    server = ThreadingHTTPServer((ports.HOST, 0), partial(pages.Handler, settings=settings))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{ports.HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def get(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_pages_are_written_when_somebody_looks_and_no_other_file_is_served(warehouse):
    (warehouse.home / "pages").mkdir(parents=True)
    (warehouse.home / "secret").write_text("hush")
    docs.write(warehouse, docs.folder(warehouse))
    with served(warehouse) as url:
        assert get(url)[0] == 200 and "nothing was checked yet" in get(f"{url}index.html")[1]
        for path in ("../secret", "%2e%2e/secret", "none.html", "check-1.html"):
            assert get(url + path)[0] == 404, path


def test_pages_that_cannot_be_written_are_an_answer_with_the_reason(warehouse, monkeypatch):
    def fail(settings, target):
        raise UserError("no connection to the warehouse")

    monkeypatch.setattr(docs, "is_current", fail)
    with served(warehouse) as url:
        status, text = get(url)
    assert status == 503 and "no connection to the warehouse" in text


def test_the_server_starts_once_on_a_found_port_and_ends(warehouse, tmp_path):
    assert pages.url(warehouse) is None
    docs.write(warehouse, docs.folder(warehouse))
    try:
        pages.SERVER.start(warehouse)
        first = pages.SERVER.process(warehouse)
        pages.SERVER.start(warehouse)
        assert pages.SERVER.process(warehouse) == first
        deadline = time.monotonic() + 60
        while ports.is_free(warehouse.ports()[pages.NAME]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert get(pages.url(warehouse))[0] == 200
    finally:
        pages.SERVER.stop(warehouse)
    assert pages.SERVER.process(warehouse) is None and pages.url(warehouse) is None


def test_a_server_that_ended_at_its_start_is_not_named_as_serving(warehouse, monkeypatch):
    monkeypatch.setattr(background.sys, "executable", "/bin/false")
    pages.SERVER.start(warehouse)
    deadline = time.monotonic() + 10
    while pages.url(warehouse) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pages.url(warehouse) is None and pages.SERVER.log_path(warehouse).is_file()
    pages.SERVER.stop(warehouse)
