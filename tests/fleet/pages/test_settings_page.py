"""Settings: preferences take effect at once; secrets are shown once."""

from django.urls import reverse

from fleet.pages.forms import ThemeForm
from fleet.trust.models import AccessToken, Event, User
from fleet.trust.services import users
from fleet.trust.services.actors import Actor

PASSWORD = "a-long-enough-passphrase"
PREFERENCES = {"language": "zh-hans", "time_zone": "Asia/Shanghai", "theme": "dark", "density": "compact"}


def test_language_zone_theme_and_density_hold_from_the_next_page_on(client, viewer):
    client.force_login(viewer)
    client.post(reverse("preferences"), PREFERENCES)
    page = client.get(reverse("overview")).content.decode()
    assert '<html lang="zh-hans" dir="ltr" data-theme="dark" data-density="compact">' in page
    assert "总览" in page
    assert "UTC+8" in page
    assert "data-shortcuts" not in page


def test_a_zone_that_does_not_exist_is_refused(client, viewer):
    client.force_login(viewer)
    assert client.post(reverse("preferences"), {**PREFERENCES, "time_zone": "Moon/Base"}).status_code == 400
    viewer.refresh_from_db()
    assert viewer.time_zone == "UTC"


def test_before_sign_in_the_browser_decides_the_language(client, db):
    page = client.get(reverse("sign-in"), headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert "登录" in page.content.decode()
    assert page["Content-Language"] == "zh-hans"


def test_the_top_bars_theme_is_kept(client, viewer):
    client.force_login(viewer)
    assert client.post(reverse("theme"), {"theme": "light"}).status_code == 204
    assert client.post(reverse("theme"), {"theme": "neon"}).status_code == 400
    viewer.refresh_from_db()
    assert viewer.theme == "light"


def test_an_access_token_is_shown_once_and_can_be_revoked(client, viewer):
    client.force_login(viewer)
    answer = client.post(reverse("access-token-create"), {"name": "export", "days": 7})
    secret = answer.context["new_secret"]
    assert secret in answer.content.decode()
    assert secret not in client.get(reverse("settings")).content.decode()
    client.post(reverse("access-token-revoke", args=[AccessToken.objects.get().pk]))
    assert AccessToken.objects.get().revoked_at


def test_nobody_revokes_the_token_of_another(client, viewer, operator):
    client.force_login(viewer)
    client.post(reverse("access-token-create"), {"name": "export", "days": 7})
    client.force_login(operator)
    assert client.post(reverse("access-token-revoke", args=[AccessToken.objects.get().pk])).status_code == 404


def test_changing_the_password_keeps_this_session_and_is_recorded(client, viewer):
    client.force_login(viewer)
    form = {
        "old_password": PASSWORD,
        "new_password1": "another-long-passphrase",
        "new_password2": "another-long-passphrase",
    }
    assert client.post(reverse("password"), form).status_code == 302
    assert client.get(reverse("settings")).status_code == 200
    viewer.refresh_from_db()
    assert viewer.check_password("another-long-passphrase")
    assert Event.objects.filter(verb="user.password_changed", target_id=viewer.pk).exists()


def test_a_wrong_old_password_changes_nothing(client, viewer):
    client.force_login(viewer)
    form = {
        "old_password": "wrong",
        "new_password1": "another-long-passphrase",
        "new_password2": "another-long-passphrase",
    }
    assert client.post(reverse("password"), form).status_code == 400
    viewer.refresh_from_db()
    assert viewer.check_password(PASSWORD)


def test_storing_a_theme_brings_no_deactivated_person_back(operator):
    read_before = User.objects.get(pk=operator.pk)
    users.deactivate(operator, actor=Actor.system("tests"))
    form = ThemeForm({"theme": "dark"}, instance=read_before)
    assert form.is_valid()
    form.save()
    operator.refresh_from_db()
    assert (operator.is_active, operator.theme) == (False, "dark")
