"""Fixtures for tests in the system's Chromium: the real web process, and signed-in pages."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser import web as web_process
from tests.browser.seed import PASSWORD
from tests.chromium import launched

DESKTOP = (1440, 900)
PHONE = (390, 844)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def web() -> Iterator[web_process.Web]:
    """The web process over a small fleet."""
    folder = Path(tempfile.mkdtemp(prefix="muster-browser-"))
    web = web_process.start(folder)
    try:
        yield web
    finally:
        web_process.stop(web)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file: its driver's event loop would stand in the way of asynchronous tests."""
    # The loop makes Django take the test's own queries for asynchronous code.
    with pytest.MonkeyPatch.context() as patch, launched() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield browser


@pytest.fixture(scope="module")
def cookies(web: web_process.Web, browser: Browser) -> Callable[[str], list[Any]]:
    """Sign a person in once and return their cookies."""
    known: dict[str, list[Any]] = {}

    def sign_in(username: str) -> list[Any]:
        if username not in known:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{web.url}/sign-in")
            page.get_by_label("Username").fill(username)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{web.url}/")
            known[username] = context.cookies()
            context.close()
        return known[username]

    return sign_in


@pytest.fixture
def complaints() -> list[str]:
    """What pages complained about: errors of scripts, of the console and of the content security policy."""
    return []


@pytest.fixture
def open_page(web: web_process.Web, browser: Browser, cookies: Callable, complaints: list[str]) -> Iterator[OpenPage]:
    """Open a page: `open_page("/nodes/", "owner", theme="dark", size=PHONE)`; without a person, as a visitor."""
    contexts: list[BrowserContext] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.type}: {message.text}")

    def open_(
        path: str, person: str | None = "owner", *, theme: str = "light", size=DESKTOP, locale: str = "en-GB"
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, locale=locale, reduced_motion="reduce"
        )
        contexts.append(context)
        if person:
            context.add_cookies(cookies(person))
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.goto(f"{web.url}{path}")
        settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()


def settle(page: Page) -> None:
    """Return once every chart of the page is drawn, or says that it is empty, and the socket is open."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-chart]')]"
        ".every(plot => plot.querySelector('.main-svg, .plot-missing'))"
    )
    if page.locator("[data-live-status]").count():
        page.wait_for_function("() => document.querySelector('[data-live-status]').dataset.state === 'live'")
