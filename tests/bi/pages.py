"""Drive Chromium through the dashboards; runs where Playwright is installed. The task is JSON on standard input."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_SECONDS = 90
OURS = (".band", ".note", ".tiles")
"""What the dashboards' files draw themselves; the rest of a page is Superset's."""
GRAVE = ("serious", "critical")
DRAWN = ".slice_container canvas, .slice_container table, .slice_container .note, .slice_container .tiles"
FAINT = "<div class='note' style='background:#fff;color:#ddd'>a note that nobody can read</div>"
HOLDER = "[data-test='dashboard-component-chart-holder'], .dashboard-component-chart-holder"


def login(page: Page, task: dict) -> None:
    page.goto(task["address"] + "login/")
    page.wait_for_selector("input[type=password]", timeout=60_000)
    page.fill("input[autocomplete=username], #username", task["user"])
    page.fill("input[type=password]", os.environ["BI_PASSWORD"])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url, timeout=60_000)


def all_drawn(page: Page) -> bool:
    """Whether no chart waits any more; scrolls, as charts out of sight are not asked for."""
    grid = "document.querySelector('.dashboard-content, [data-test=\"grid-container\"]')"
    for _ in range(12):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(400)
    page.mouse.wheel(0, -20_000)
    waiting = page.locator(".loading, [data-test='loading-indicator']").count()
    return waiting == 0 and bool(page.evaluate(f"!!{grid}"))


def hard_to_use(page: Page) -> list[str]:
    """Serious faults of accessibility in what is ours, by axe-core: rule and where."""
    page.wait_for_timeout(1000)
    for _ in range(20):  # a page that became taller draws its charts anew
        there = [selector for selector in OURS if page.locator(selector).count()]
        if there:
            break
        page.wait_for_timeout(1000)
    if not there:
        return ["nothing of ours is on the page"]
    found = Axe().run(page, context={"include": [[selector] for selector in there]}).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['target'][0]} {node['html'][:120]}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def painted(page: Page, address: str) -> float:
    """Seconds until the first chart of a dashboard that was open before has drawn something."""
    began = time.monotonic()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(f"{DRAWN}", timeout=WAIT_SECONDS * 1000)
    return time.monotonic() - began


def look(page: Page, task: dict, wanted: dict, told: list[str]) -> None:
    began = time.monotonic()
    page.request.get(f"{task['address']}lang/{wanted['language']}")
    page.goto(f"{task['address']}superset/dashboard/{wanted['slug']}/")
    try:
        page.wait_for_selector(HOLDER, timeout=90_000)
    except TimeoutError:
        page.screenshot(path=str(Path(task["shots"]) / f"{wanted['slug']}-failed.png"))
        told.append(f"{wanted['slug']}: no dashboard within 90 s")
        return
    while not all_drawn(page) and time.monotonic() - began < WAIT_SECONDS:
        page.wait_for_timeout(500)
    seconds = time.monotonic() - began
    holders = page.locator(HOLDER).count()
    errors = page.locator("[data-test='error-alert'], .ant-alert-error, [role=alert]").all_inner_texts()
    told += [f"{wanted['slug']}: a chart says {text[:200]!r}" for text in errors if text.strip()]
    height = int(page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollHeight))"))
    page.set_viewport_size({"width": 1500, "height": min(height + 200, 7000)})
    page.wait_for_timeout(4000)
    text = " ".join(page.inner_text("body").replace("\N{NO-BREAK SPACE}", " ").split())
    for forms in wanted["numbers"]:
        if not any(form in text for form in forms):
            told.append(f"{wanted['slug']}: none of {forms} is on the screen")
    page.screenshot(path=str(Path(task["shots"]) / f"{wanted['slug']}.png"), full_page=True)
    told += [f"{wanted['slug']}: hard to use: {fault}" for fault in hard_to_use(page)]
    page.set_viewport_size({"width": 1500, "height": 1000})
    first = painted(page, f"{task['address']}superset/dashboard/{wanted['slug']}/")
    print(
        f"{wanted['slug']}: {holders} charts, {len(wanted['numbers'])} numbers, {seconds:.0f} s to scroll through;"
        f" first chart again after {first:.1f} s",
        flush=True,
    )


def main() -> int:
    task = json.load(sys.stdin)
    Path(task["shots"]).mkdir(parents=True, exist_ok=True)
    host, told = urlsplit(task["address"]).netloc, []
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=task["chromium"], headless=True, args=FLAGS,
            viewport={"width": 1500, "height": 1000},
        )  # fmt: skip
        page = context.pages[0]
        page.on("console", lambda m: told.append(f"{page.url}: console: {m.text[:300]}") if m.type == "error" else None)
        page.on("response", lambda r: told.append(f"{page.url}: {r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda e: told.append(f"{page.url}: {str(e)[:300]}"))

        def asked(request) -> None:
            address = urlsplit(request.url)
            if address.scheme in ("http", "https", "ws", "wss") and address.netloc != host:
                told.append(f"{page.url}: asked another host: {request.url[:200]}")

        page.on("request", asked)
        login(page, task)
        for wanted in task["pages"]:
            look(page, task, wanted, told)
        page.wait_for_selector(".note, .band", timeout=WAIT_SECONDS * 1000)
        page.evaluate("html => document.querySelector('.note, .band').insertAdjacentHTML('afterend', html)", FAINT)
        if not any("color-contrast" in fault for fault in hard_to_use(page)):
            told.append("a note that nobody can read was not found: the look at accessibility sees nothing")
        context.close()
    for line in dict.fromkeys(told):
        print(f"FAILED {line}")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
