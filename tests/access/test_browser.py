"""In a real browser: with keys, with a mouse, on a phone, without JavaScript, and judged by axe-core."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from access_world import Place
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import Served, serve

CHROMIUM = "/usr/bin/chromium"
# Without these it looks for hosts elsewhere at every start.
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required""".split()
CURRENT = "document.querySelector('[data-player] audio').currentTime"

pytestmark = pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="apt-get install chromium")


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[Served]:
    with serve(place.archive.root) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(base_url=served.address)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert faults == []


def until(page: Page, condition: str) -> None:
    """Playwright's own waiting evaluates strings within the page, which our policy forbids, as it should."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never: {condition}")


def position(page: Page) -> float:
    return float(page.evaluate(CURRENT))


def test_search_as_you_type_then_open_and_play(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").press_sequentially("sakur", delay=20)
    expect(page.locator("#results [data-count]")).to_have_text("1 recording")
    expect(page.locator("[data-said]")).to_have_text("1 recording")
    page.locator("#results").get_by_role("link", name="さくらさくら").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("さくらさくら")

    page.get_by_role("button", name="Play").click()

    until(page, f"{CURRENT} > 0.5")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_the_player_obeys_keys(page: Page, place: Place) -> None:
    page.goto(f"/recording/{place.open['recording_id']}")
    expect(page.locator(".clock")).to_contain_text("0:00 / 0:")
    page.keyboard.press("Space")
    until(page, f"{CURRENT} > 0.2")
    page.keyboard.press("Space")
    until(page, "document.querySelector('[data-player] audio').paused")
    stopped = position(page)

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert position(page) == pytest.approx(stopped + 10, abs=0.1)
    page.keyboard.press("ArrowLeft")
    assert position(page) == pytest.approx(stopped + 5, abs=0.1)
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", f"0:0{round(stopped + 5)} of 0:36")


def test_seeking_with_the_line(page: Page, place: Place) -> None:
    page.goto(f"/recording/{place.open['recording_id']}")
    until(page, "document.querySelector('[data-player] audio').readyState > 0")

    page.get_by_role("slider").fill("20")

    until(page, f"Math.abs({CURRENT} - 20) < 0.2")


def test_a_stretch_starts_where_it_begins(page: Page, place: Place) -> None:
    page.goto(f"/recording/{place.stretch['recording_id']}")
    page.get_by_role("button", name="Play").click()
    start = place.stretch["start_ms"] / 1000

    until(page, f"{CURRENT} > {start} + 0.3")

    expect(page.locator(".clock")).to_contain_text("0:0")
    assert position(page) < start + 20


def test_a_list_plays_on_with_its_bar(page: Page) -> None:
    page.goto("/search?q=lockgroove")
    rows = page.locator("[data-track]")
    first, second = rows.nth(0), rows.nth(1)
    first.get_by_role("button").click()
    expect(page.get_by_role("group", name="Player")).to_contain_text(first.get_attribute("data-title") or "?")

    second.get_by_role("button").click()

    expect(page.get_by_role("group", name="Player")).to_contain_text(
        second.get_attribute("data-title") or "?"
    )
    expect(second.get_by_role("button")).to_have_attribute(
        "aria-label", f"Pause {second.get_attribute('data-title')}"
    )


def test_everything_can_be_reached_by_tab(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()

    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-track] button')"):
            break

    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Player")).to_be_visible()


def test_browsing_without_javascript(browser: Browser, served: Served) -> None:
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill("sakura")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="さくらさくら").click()

    expect(page.locator("audio[controls]")).to_be_visible()
    page.get_by_role("link", name="Songs Without a Border").first.click()
    page.get_by_role("link", name="Lockgroove Players").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lockgroove Players")
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_axe_finds_nothing_on_any_kind_of_page(
    browser: Browser, served: Served, place: Place, width: int, scheme: str
) -> None:
    context = browser.new_context(
        base_url=served.address, viewport={"width": width, "height": 800}, color_scheme=scheme  # type: ignore[arg-type]
    )  # fmt: skip
    page = context.new_page()
    page.goto(f"/recording/{place.open['recording_id']}")
    linked = [
        str(page.locator(f"main a[href^='/{kind}/']").first.get_attribute("href"))
        for kind in ("release", "artist")
    ]
    addresses = [
        page.url,
        *linked,
        "/",
        "/search?q=lockgroove",
        "/search?q=zzzz",
        "/coverage",
        "/health",
        "/about",
        "/nope",
    ]

    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} is too wide"
    context.close()
