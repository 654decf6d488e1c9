"""From a published model to a push whose page moves by itself; what is refused is said by name."""

import re
import struct

import pytest
from playwright.sync_api import expect

from tests.browser.looks import violations
from tests.browser.web import run

pytestmark = pytest.mark.browser

MIB = 1 << 20


def test_a_model_is_published_from_a_seed_and_the_page_shows_it_by_itself(web, open_page, complaints):
    page = open_page("/models/new")
    page.get_by_label("Workload").select_option("digits")
    page.get_by_label("Name").fill("from-a-seed")
    page.get_by_label("Seed", exact=True).fill("11")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Being checked")
    run(web.environ, "-m", "tests.browser.publish_versions")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Published", timeout=15_000)
    page.reload()
    expect(page.get_by_role("region", name="Components, table").get_by_role("row")).to_have_count(4)
    assert complaints == []


def test_weights_are_uploaded_in_pieces_and_go_on_after_an_interruption(open_page, tmp_path):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(struct.pack("<Q", 2) + b"{}" + bytes(3 * MIB))  # no weights of digits; that is the worker's to say
    page = open_page("/models/new")
    page.get_by_label("Name").fill("from-a-file")
    page.get_by_label("Upload its weights").check()
    page.get_by_label("Weights file").set_input_files(file)
    pieces: list[str] = []

    def count(route):
        if route.request.method != "PATCH":
            route.continue_()
            return
        pieces.append(route.request.headers["upload-offset"])
        if len(pieces) == 3:
            route.fulfill(status=403, json={"code": "cut", "detail": "The line was cut"})
        else:
            route.continue_()

    page.route(
        re.compile("/api/v1/uploads/"),
        lambda route: count(route) if route.request.method == "PATCH" else route.continue_(),
    )
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#upload-failed")).to_have_text("The line was cut")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("from-a-file, version 1")
    assert pieces == [str(at * MIB) for at in (0, 1, 2, 2, 3)]


def test_without_a_script_the_form_says_how_to_do_it_by_command(web, browser, cookies):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.add_cookies(cookies("owner"))
    page = context.new_page()
    page.goto(f"{web.url}/models/new")
    expect(page.get_by_text("The command beside this form needs none.")).to_be_visible()
    expect(page.get_by_text("manage.py publish_model")).to_be_visible()
    context.close()


def test_a_hash_is_copied_whole(web, open_page):
    page = open_page(f"/models/{web.seeded['model']}/versions/2/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=web.url)
    page.get_by_role("button", name="Copy the whole hash").first.click()
    assert re.fullmatch("[0-9a-f]{64}", page.evaluate("() => navigator.clipboard.readText()"))


def test_a_choice_shows_at_once_what_it_would_mean(web, open_page, complaints):
    page = open_page(f"/plans/new?model={web.seeded['eldercare']}")
    make = page.get_by_role("button", name="Make the plan")
    expect(make).to_be_enabled()
    page.locator("#seat-vision").get_by_label("Cloud").check()
    expect(page.locator("#checks")).to_contain_text("vision on the tier Cloud would need the raw input “silhouette”")
    expect(make).to_be_disabled()
    expect(page.locator(".flow.is-refused")).to_have_count(1)
    page.locator("#seat-vision").get_by_label("Terminal").check()
    expect(make).to_be_enabled()
    assert complaints == []


def test_tiers_are_chosen_by_keyboard_and_the_focus_stays(web, open_page):
    page = open_page(f"/plans/new?model={web.seeded['eldercare']}")
    page.locator("#tier-fusion-cloud").focus()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "draft"):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#tier-fusion-edge")).to_be_focused()
    expect(page.locator("#tier-fusion-edge")).to_be_checked()


def test_a_pasted_mapping_becomes_a_plan_that_is_pushed_with_a_reason(web, open_page, complaints):
    page = open_page("/plans/new?way=paste")
    page.get_by_label("Component and tier, as JSON").fill('{"vision": "terminal", "text": "edge", "fusion": "cloud"}')
    expect(page.locator("#checks")).to_contain_text("Several models fit: eldercare, home-care")
    page.get_by_label("Model", exact=True).select_option(label="eldercare")
    expect(page.locator("#checks")).to_contain_text("nodes hold a part of it")
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Never pushed")
    page.get_by_role("button", name="Push").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("shall run their parts of eldercare")
    expect(dialog).to_contain_text("Nothing of this model runs yet")
    assert violations(page) == []
    dialog.get_by_role("button", name=re.compile("Push to [0-9]+ nodes")).click()
    expect(dialog).to_be_visible()  # the browser asks for the reason
    dialog.get_by_label("Reason, kept in the audit log").fill("First time on the fleet")
    dialog.get_by_role("button", name=re.compile("Push to [0-9]+ nodes")).click()
    page.wait_for_url(re.compile("/rollouts/[0-9a-f-]{36}/"))
    expect(page.locator("#rollout-sentence")).to_contain_text("0 of")
    assert complaints == []


def test_what_is_no_mapping_is_said_while_it_is_typed(open_page):
    page = open_page("/plans/new?way=paste")
    mapping = page.get_by_label("Component and tier, as JSON")
    mapping.press_sequentially('{"vision": ')
    expect(page.locator("#wish-problem")).to_contain_text("A plan is an object like")
    expect(mapping).to_be_focused()
    expect(mapping).to_have_value('{"vision": ')


def test_the_page_of_a_push_moves_when_a_report_arrives(web, open_page, complaints):
    uid, rollout = web.seeded["silent"], web.seeded["rollout"]
    page = open_page(f"/rollouts/{rollout}/?state=pending")
    page.wait_for_function("topic => Muster.live.isSubscribed(topic)", arg=f"rollout.{rollout}")
    page.evaluate("() => { document.body.dataset.kept = 'yes'; }")
    row = page.locator("#rollout-nodes tbody tr").filter(has=page.locator(f"a[href*='{uid}']"))
    expect(row).to_have_count(1)
    before = int(page.locator("#count-active b").inner_text())
    run(web.environ, "-m", "tests.browser.report", uid, "active")
    expect(page.locator("#count-active b")).to_have_text(str(before + 1))
    expect(row).to_have_count(0)
    assert page.evaluate("() => document.body.dataset.kept") == "yes"
    assert complaints == []


def test_a_state_of_the_legend_narrows_the_nodes_and_is_in_the_address(web, open_page):
    page = open_page(f"/rollouts/{web.seeded['rollout']}/")
    page.locator("#count-failed").click()
    page.wait_for_url(re.compile("state=failed"))
    rows = page.locator("#rollout-nodes tbody tr")
    assert set(rows.evaluate_all("rows => rows.map(row => row.dataset.state)")) == {"failed"}
    expect(rows.first).to_contain_text("Memory does not suffice")


def test_control_k_finds_a_model_and_its_plans(web, open_page):
    page = open_page("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("eldercare")
    results = page.get_by_role("listbox", name="Results")
    expect(results.get_by_role("option").filter(has_text="Care of the elderly")).to_have_count(1)
    expect(results.get_by_role("group", name="Sharding plans")).to_be_visible()


@pytest.mark.parametrize("path", ["/models/", "/models/new", "/plans/", "/plans/new", "/topology/"])
def test_a_page_of_models_and_plans_at_four_hundred_per_cent_is_one_column(open_page, path):
    page = open_page(path, size=(360, 640))
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "() => [...document.querySelectorAll('.grid')]"
        ".every(grid => new Set([...grid.children].map(part => part.getBoundingClientRect().left)).size === 1)"
    )
