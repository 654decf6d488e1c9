"""What moves without a reload: charts, rows, the panel of a command; and what happens when the connection is lost."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.web import run

pytestmark = pytest.mark.browser
LAST = "() => Muster.charts.all.get(document.getElementById('chart-latency')).figure.data[0].y.at(-1)"


@pytest.fixture
def publish(web) -> Callable[..., str]:
    """Store a reading, with what a shard answered where one is named, and tell pages of it."""
    return lambda uid, *numbers: run(web.environ, "-m", "tests.browser.publish", uid, *map(str, numbers))


def watch(open_page, uid: str) -> Page:
    """Open a node's page and return once the server has confirmed its subscription."""
    page = open_page(f"/nodes/{uid}/")
    page.wait_for_function("topic => Muster.live.isSubscribed(topic)", arg=f"node.{uid}")
    return page


def drawn(page: Page, value: float, within_ms: int = 5000) -> None:
    """Return once the latency chart ends in `value`."""
    page.wait_for_function(f"value => ({LAST})() === value", arg=value, timeout=within_ms)


def test_a_sample_reaches_the_chart_within_a_second(web, open_page, publish):
    uid = web.seeded["node"]
    page = watch(open_page, uid)
    publish(uid, 1, 77_700)
    drawn(page, 77.7, within_ms=1000)
    expect(page.locator("[data-reading='chart-latency']")).to_have_text("77.7 ms")


def test_a_gap_in_the_numbers_makes_the_page_fetch_anew(web, open_page, publish):
    uid = web.seeded["node"]
    page = watch(open_page, uid)
    publish(uid, 5, 10_000)
    drawn(page, 10)
    with page.expect_response(lambda answer: "/figures/latency" in answer.url):
        publish(uid, 9, 20_000)


def test_freeze_stops_the_reading(web, open_page, publish):
    uid = web.seeded["node"]
    page = watch(open_page, uid)
    page.get_by_role("button", name="Freeze").click()
    before = page.locator("[data-reading='chart-latency']").inner_text()
    publish(uid, 1, 99_900)
    drawn(page, 99.9)
    assert page.locator("[data-reading='chart-latency']").inner_text() == before
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_an_empty_chart_says_so_and_becomes_one_with_the_first_reading(web, open_page, publish):
    uid = web.seeded["quiet"]
    page = watch(open_page, uid)
    expect(page.locator("#chart-latency")).to_have_text("Nothing was measured in the last 5 min")
    expect(page.locator("#chart-latency .main-svg")).to_have_count(0)
    publish(uid, 1, 42_000)
    expect(page.locator("#chart-latency .main-svg").first).to_be_visible()
    expect(page.locator("[data-reading='chart-latency']")).to_have_text("42.0 ms")


def test_the_chart_of_components_comes_with_the_first_answer_and_grows_by_the_next(web, open_page, publish):
    uid = web.seeded["spare"]
    page = watch(open_page, uid)
    expect(page.locator("#chart-inference")).to_have_count(0)
    publish(uid, 1, 9_000, 9017, 1_500)
    expect(page.locator("#chart-inference")).to_be_visible(timeout=15_000)  # the panel asks every five seconds
    publish(uid, 2, 9_000, 9017, 2_500)
    expect(page.locator("[data-reading='chart-inference']")).to_have_text("2.50 ms")
    publish(uid, 3, 9_000, 9018, 40_000)  # a component that the figure does not know yet
    expect(page.locator("[data-reading='chart-inference']")).to_contain_text("40.0 ms")
    expect(page.locator("[data-note='chart-inference']")).to_contain_text(
        "stand in for another tier's tensors: Shard 9017"
    )
    page.get_by_role("button", name="Inference latency by component as a table").click()
    twin = page.get_by_role("region", name="Inference latency by component")
    expect(twin.get_by_role("columnheader")).to_have_text(["Time", "Shard 9017", "Shard 9018"])
    expect(twin.get_by_role("row").nth(1)).to_contain_text("2.5 ms")


def test_the_time_axes_of_a_pair_of_charts_are_as_long(web, open_page):
    page = open_page(f"/nodes/{web.seeded['node']}/")
    page.wait_for_function(
        "() => { const pair = [...document.querySelectorAll('.chart-figs:not([data-one]) [data-chart]')];"
        " return pair.length > 1 && new Set(pair.map(p => p._fullLayout ? p._fullLayout.margin.r : p.id)).size === 1; }"
    )


def test_a_second_axis_shows_its_numbers(web, open_page):
    page = open_page(f"/nodes/{web.seeded['node']}/")
    expect(page.locator("#chart-load .y2tick").first).to_be_visible()


def test_a_chart_has_a_table_twin(web, open_page):
    page = open_page(f"/nodes/{web.seeded['node']}/")
    page.get_by_role("button", name="Round trip as a table").click()
    expect(page.get_by_role("region", name="Round trip as a table").get_by_role("row")).not_to_have_count(0)
    page.get_by_role("button", name="Round trip as a table").click()
    expect(page.locator("#chart-latency")).to_be_visible()


def test_the_range_is_in_the_address(web, open_page):
    page = open_page(f"/nodes/{web.seeded['node']}/")
    with page.expect_response(lambda answer: "range=1h" in answer.url):
        page.get_by_role("button", name="1 h").click()
    assert "range=1h" in page.url


def test_a_lost_connection_is_said_and_marked(web, open_page):
    page = open_page("/")
    page.evaluate("() => Muster.live.lose()")
    expect(page.locator("#connection")).to_contain_text("Connection lost at")
    expect(page.locator("#main")).to_have_class("page is-stale")
    page.get_by_role("button", name="Reconnect now").click()
    expect(page.locator("#connection")).to_be_hidden()


def test_the_overviews_panels_are_fetched_alone_and_the_page_stays(web, open_page):
    page = open_page("/")
    page.evaluate("() => { document.body.dataset.kept = 'yes'; }")
    with page.expect_response(
        lambda answer: answer.request.headers.get("hx-target") == "figures", timeout=15_000
    ) as found:
        pass
    assert "<html" not in found.value.text()
    assert page.evaluate("() => document.body.dataset.kept") == "yes"
