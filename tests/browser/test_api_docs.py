"""The documentation of REST draws itself under the pages' own content security policy."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_signed_in_person_reads_every_operation(open_page, complaints):
    page = open_page("/api/v1/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert page.locator(".opblock").count() >= 15
    expect(page.locator("#swagger-ui .errors-wrapper")).to_have_count(0)
    assert complaints == []


def test_an_operation_is_tried_from_the_page(open_page, complaints):
    page = open_page("/api/v1/docs")
    page.locator("#operations-me-me_retrieve .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert complaints == []
