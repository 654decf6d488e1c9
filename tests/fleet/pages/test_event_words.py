"""Events are told in whole sentences."""

import pytest
from django.utils import translation

from fleet.pages.event_words import EVENTS
from fleet.pages.templatetags.events import event_name, event_sentence
from fleet.trust.models import Event


def event(verb, target="mst_abcd…", actor="ann"):
    return Event(verb=verb, target_label=target, actor_label=actor)


def test_a_token_that_was_made_is_told_with_its_maker():
    sentence = event_sentence(event("enrolment_token.created"))
    assert sentence == "Enrolment token <b>mst_abcd…</b> was made by ann."


@pytest.mark.parametrize("verb", EVENTS)
@pytest.mark.parametrize(("language", "stop"), [("en", "."), ("zh-hans", "。")])
def test_every_event_is_a_sentence_with_its_target(verb, language, stop):
    with translation.override(language):
        sentence = event_sentence(event(verb))
    assert "<b>mst_abcd…</b>" in sentence
    assert sentence.endswith(stop)


def test_names_are_escaped():
    assert "<script>" not in event_sentence(event("node.approved", "<script>", "<script>"))


def test_an_event_of_a_later_version_is_shown_as_it_is():
    assert event_name("plan.pushed") == "plan.pushed"
    assert event_sentence(event("plan.pushed")) == "<b>mst_abcd…</b>: plan.pushed"
