"""How a page looks: what axe finds on it, and a picture of it."""

from pathlib import Path

from django.conf import settings
from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SCREENSHOTS = Path(settings.BASE_DIR) / "var" / "screenshots"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds; it comes in through the debugger, so that the page's own policy stays as it is."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", RULES)
    assert found["passes"], "axe looked at nothing"
    return [(found["id"], [node["html"][:160] for node in found["nodes"]]) for found in found["violations"]]


def draw(page: Page, name: str) -> None:
    """Write a picture of the whole page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
