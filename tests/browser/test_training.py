"""Training before the eyes of a person: a job from the form, a funnel that moves by itself, and its end."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looks import violations
from tests.browser.web import run

pytestmark = pytest.mark.browser


def test_a_job_is_started_from_the_form_and_stopped_with_a_reason(web, open_page, complaints):
    page = open_page(f"/rounds/new?model={web.seeded['lab']}")
    page.get_by_label("Edge").uncheck()
    page.get_by_label("Cloud").uncheck()
    expect(page.locator("#invited")).to_contain_text("60 nodes would be invited now.")
    page.get_by_label("Rounds", exact=True).fill("0")
    expect(page.locator("#id_rounds_error")).to_have_text("Give at least 1.")
    page.get_by_label("Rounds", exact=True).fill("2")
    expect(page.locator("#id_rounds_error")).to_have_count(0)
    page.get_by_label("Simulation: the workload's included data is split among the members").check()
    expect(page.get_by_label("Dirichlet alpha")).to_have_value("0.3")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Training of lab")
    expect(page.get_by_label("Facts of the job")).to_contain_text("Simulation")
    expect(page.locator("#accuracy")).to_have_text("No round is published yet")
    page.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("what runs on the nodes is not touched")
    assert violations(page) == []
    dialog.get_by_label("Reason, kept in the audit log").fill("Only a rehearsal")
    dialog.get_by_role("button", name="Stop the training").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Stopped")
    expect(page.locator("#job-sentence")).to_have_text("It was stopped after 0 of 2 published rounds.")
    assert complaints == []


def test_the_funnel_moves_when_an_update_arrives(web, open_page, complaints):
    job = web.seeded["job_running"]
    page = open_page(f"/rounds/{job}/")
    page.wait_for_function("topic => Muster.live.isSubscribed(topic)", arg=f"job.{job}")
    page.evaluate("() => { document.body.dataset.kept = 'yes'; }")
    before = int(page.locator("#funnel-received").inner_text())
    run(web.environ, "-m", "tests.browser.hand_over", web.seeded["silent_member"])
    expect(page.locator("#funnel-received")).to_have_text(str(before + 1))
    expect(page.locator("#job-sentence")).to_contain_text(f"the updates of {before + 1} of")
    assert page.evaluate("() => document.body.dataset.kept") == "yes"
    assert complaints == []


def test_a_state_beside_the_funnel_narrows_the_members_and_is_in_the_address(web, open_page):
    page = open_page(f"/rounds/{web.seeded['job']}/4/")
    page.locator("#aside-refused").click()
    page.wait_for_url(re.compile("state=refused"))
    rows = page.locator("#round-members tbody tr")
    assert set(rows.evaluate_all("rows => rows.map(row => row.dataset.state)")) == {"refused"}
    expect(rows.first).to_contain_text("NaN or infinity in the update")


def test_the_curve_has_a_table_twin_by_round(web, open_page, complaints):
    page = open_page(f"/rounds/{web.seeded['job']}/")
    expect(page.locator("#accuracy")).to_have_attribute("aria-label", re.compile("at last: Fusion 85.8 %"))
    page.get_by_role("button", name="Accuracy by round as a table").click()
    table = page.get_by_role("region", name=re.compile("Accuracy on held-out data"))
    expect(table.get_by_role("columnheader").first).to_have_text("Round")
    expect(table.get_by_role("row").nth(1)).to_contain_text("85.8 %")
    assert complaints == []


def test_a_trained_version_leads_to_its_round(web, open_page):
    page = open_page(f"/models/{web.seeded['job_model']}/versions/5/")
    page.get_by_role("link", name="Open the round").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Round 4 of home-care")


def test_control_k_finds_a_job(web, open_page):
    page = open_page("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("home-care")
    results = page.get_by_role("listbox", name="Results")
    expect(results.get_by_role("group", name="Federated rounds")).to_be_visible()


@pytest.mark.parametrize("path", ["/rounds/", "/rounds/new"])
def test_a_page_of_training_at_four_hundred_per_cent_is_one_column(open_page, path):
    page = open_page(path, size=(360, 640))
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "() => [...document.querySelectorAll('.grid')]"
        ".every(grid => new Set([...grid.children].map(part => part.getBoundingClientRect().left)).size === 1)"
    )
