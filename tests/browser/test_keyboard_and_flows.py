"""What a person does: by keyboard alone, copy a command, narrow a list, let a device in."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE

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
