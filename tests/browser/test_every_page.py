"""Every page, in both themes, on desk and phone: accessible, silent, inside its policy, and drawn to be looked at."""

import pytest

from tests.browser.conftest import PHONE, settle
from tests.browser.looks import draw, violations
from tests.browser.pages import NAMES, find

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_and_the_console_is_silent(web, open_page, complaints, name, theme):
    path, person = find(name, web.seeded)
    page = open_page(path, person, theme=theme)
    assert violations(page) == []
    draw(page, f"{name}-{theme}-en")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    settle(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], "a phone would scroll sideways"
    draw(page, f"{name}-{theme}-en-phone")
    assert complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_chinese_reader_gets_a_chinese_page(web, open_page, complaints, name, theme):
    path, person = find(name, web.seeded)
    page = open_page(path, person, theme=theme, locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    draw(page, f"{name}-{theme}-zh")
    assert complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_no_page_carries_inline_style_or_script(web, browser, cookies, name):
    path, person = find(name, web.seeded)
    context = browser.new_context()
    context.add_cookies(cookies(person) if person else [])
    html = context.request.get(f"{web.url}{path}").text()
    context.close()
    assert " style=" not in html
    assert "<style" not in html
    assert "<script>" not in html
    assert " onclick=" not in html
