"""What a person does: by keyboard alone, copy a command, narrow a list, let a device in."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.browser.looks import draw, violations
from tests.browser.web import run

pytestmark = pytest.mark.browser


def test_the_first_tab_skips_to_the_content(open_page):
    page = open_page("/nodes/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_rows_are_walked_and_opened_by_single_keys(open_page):
    page = open_page("/nodes/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.locator("[data-rows] tr").first.get_by_role("link")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/nodes/[0-9a-f-]{36}/"))


def test_g_and_a_letter_go_to_a_page(open_page):
    page = open_page("/")
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_url("**/nodes/")


def test_single_keys_are_letters_while_typing(open_page):
    page = open_page("/nodes/")
    page.keyboard.press("/")
    page.keyboard.type("jk")
    expect(page.locator("[data-filter-input]")).to_have_value("jk")


def test_control_k_finds_a_node_and_enter_opens_it(open_page):
    page = open_page("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("hamburg-edge-0003")
    option = page.get_by_role("listbox", name="Results").get_by_role("option")
    expect(option).to_have_count(1)
    expect(option).to_contain_text("hamburg-edge-0003")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("hamburg-edge-0003")


def test_the_theme_is_switched_and_kept(open_page):
    page = open_page("/audit/", "operator")
    with page.expect_response("**/settings/theme"):
        page.get_by_role("button", name="Switch theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_filter_narrows_the_list_without_a_reload_and_is_in_the_address(open_page):
    page = open_page("/nodes/")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_role("checkbox", name="Edge").check()
    expect(page.locator(".chip")).to_contain_text("Edge")
    assert "tier=edge" in page.url
    page.go_back()
    expect(page.locator(".chip")).to_have_count(0)


def test_the_command_is_copied_whole(web, open_page):
    page = open_page("/enrolment/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=web.url)
    page.get_by_role("button", name="Make the command").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.locator("#command").inner_text()
    assert re.search(r"muster-agent enrol --server \S+ --pin sha256:[0-9a-f]{64} --token mst_\w+$", copied)
    expect(page.get_by_text("Waiting for the device to call in")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Expires in (29|30) min"))).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_of_a_command_flips_when_a_device_enrols(web, open_page, complaints, theme):
    page = open_page("/enrolment/", theme=theme)
    page.get_by_label("Site").select_option(label="Hamburg (works/hamburg)")
    page.get_by_role("button", name="Make the command").click()
    expect(page.get_by_text("Waiting for the device to call in")).to_be_visible()
    draw(page, f"enrolment-command-{theme}-en")
    secret = page.locator("#command").inner_text().split()[-1]
    run(web.environ, "-m", "tests.browser.call_in", web.url, secret, f"pi-{theme}")
    expect(page.locator("#token-progress")).to_contain_text(f"pi-{theme} called in and waits for approval")
    expect(page.locator("#waiting").get_by_role("link", name=f"pi-{theme}")).to_be_visible()
    draw(page, f"enrolment-called-in-{theme}-en")
    assert violations(page) == []
    assert complaints == []


def test_a_node_is_put_in_quarantine_by_keyboard_alone(open_page):
    page = open_page("/")
    link = page.locator("#wall").get_by_role("link", name="Monterrey")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/nodes/.*monterrey"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/nodes/[0-9a-f-]{36}/"))
    opener = page.get_by_role("button", name="Quarantine")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Reason, kept in the audit log")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert opener.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_the_scope_is_in_the_address_and_narrows_the_page(open_page):
    page = open_page("/")
    page.get_by_role("button", name="6 h").click()
    page.get_by_label("Scope").select_option(label="Hamburg")
    page.wait_for_url(re.compile("site=works.*hamburg.*range=6h"))
    expect(page.locator("#sentence")).to_contain_text("in 1 site.")
    with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "wall", timeout=15_000):
        pass
    expect(page.locator("#wall .site")).to_have_count(1)


@pytest.mark.parametrize("path", ["/", "/nodes/", "/enrolment/", "/settings/"])
def test_a_page_at_four_hundred_per_cent_is_one_column(open_page, path):
    page = open_page(path, size=(360, 640))
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "() => [...document.querySelectorAll('.grid')]"
        ".every(grid => new Set([...grid.children].map(part => part.getBoundingClientRect().left)).size === 1)"
    )


def test_a_wide_list_on_a_phone_scrolls_under_its_first_column(open_page):
    page = open_page("/nodes/", size=PHONE)
    page.get_by_role("region", name="Nodes, table").evaluate("region => region.scrollTo(400, 0)")
    expect(page.locator("[data-rows] th").first).to_be_in_viewport(ratio=1)


def test_a_waiting_device_is_approved(open_page):
    page = open_page("/enrolment/")
    row = page.locator("#waiting tbody tr").last
    name = row.get_by_role("link").inner_text()
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Approve 1").click()
    expect(page.get_by_text("1 device was approved.")).to_be_visible()
    expect(page.locator("#waiting").get_by_role("link", name=name)).to_have_count(0)


def test_quarantine_asks_for_a_reason_first(web, open_page):
    page = open_page(f"/nodes/{web.seeded['spare']}/")
    page.get_by_role("button", name="Quarantine").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Quarantine").click()
    expect(dialog).to_be_visible()  # the browser asks for the reason
    dialog.get_by_label("Reason, kept in the audit log").fill("Unknown process on the device")
    dialog.get_by_role("button", name="Quarantine").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Critical")


def test_the_navigation_of_a_phone_is_a_dialog(open_page):
    page = open_page("/", size=PHONE)
    page.get_by_role("button", name="Open navigation").click()
    drawer = page.get_by_role("dialog", name="Navigation")
    expect(drawer.get_by_role("link", name="Nodes")).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_the_wall_is_also_a_table(open_page):
    page = open_page("/")
    page.get_by_role("button", name="As table").click()
    expect(page.get_by_role("region", name="Fleet by site, table")).to_be_visible()


def test_signing_out_ends_the_session(web, browser):
    from tests.browser.seed import PASSWORD

    page = browser.new_context(locale="en-GB").new_page()
    page.goto(f"{web.url}/sign-in")
    page.get_by_label("Username").fill("colleague")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Account of colleague").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(f"{web.url}/nodes/")
    assert "/sign-in?next=/nodes/" in page.url
    page.context.close()
