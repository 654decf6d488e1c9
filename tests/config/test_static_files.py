"""Static files are sent by the asynchronous server without a warning, for ever where their name carries their hash."""

import gzip
import warnings

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import AsyncClient, override_settings

# No `url()` in a style sheet changes it, so its collected bytes are its sources'.
SHEET = "css/tokens.css"


PRODUCTION = {
    "SERVESTATIC_USE_FINDERS": False,
    "SERVESTATIC_AUTOREFRESH": False,
    "STORAGES": {"staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The assets as production has them: collected, named by content, compressed."""
    static = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=static, **PRODUCTION):
        call_command("collectstatic", interactive=False, verbosity=0)
    return static


@pytest.fixture
def collected(folder):
    with override_settings(STATIC_ROOT=folder, **PRODUCTION):
        yield


async def body(response) -> bytes:
    return b"".join([part async for part in response.streaming_content])


async def test_a_collected_file_is_streamed_without_a_warning_and_kept_for_ever(collected):
    url = staticfiles_storage.url(SHEET)
    assert url != f"/static/{SHEET}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response = await AsyncClient().get(url)
        assert b"--" in await body(response)
    assert (response.status_code, response["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert "immutable" in response["Cache-Control"]


async def test_a_file_without_a_hash_in_its_name_is_asked_for_again(collected):
    response = await AsyncClient().get(f"/static/{SHEET}")
    await body(response)
    assert "immutable" not in response["Cache-Control"]


async def test_a_browser_that_unpacks_gets_the_packed_file(collected):
    response = await AsyncClient().get(staticfiles_storage.url(SHEET), headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert b"--" in gzip.decompress(await body(response))


async def test_static_files_carry_the_headers_that_pages_carry(collected):
    response = await AsyncClient().get(staticfiles_storage.url(SHEET))
    await body(response)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.parametrize("path", ["../settings.py", "..%2fsettings.py", "css/../../config/settings.py"])
async def test_nothing_outside_the_collected_files_is_sent(collected, path):
    assert (await AsyncClient().get(f"/static/{path}")).status_code in (302, 404)
