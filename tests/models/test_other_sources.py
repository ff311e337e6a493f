"""What a model says about sources that it was not trained on."""

from __future__ import annotations

from aletheia.models.other_sources import LeftOutSource, OtherSources


def test_sentence_names_each_source_with_its_interval():
    found = OtherSources(
        auc=0.6,
        low=0.55,
        high=0.65,
        sources=(LeftOutSource(name="phones", real=30, fake=40, auc=0.7), LeftOutSource(name="films", real=25, fake=0)),
    )
    assert found.sentence().endswith("an AUC of 0.600 (0.550 to 0.650): phones 0.700; films not defined.")


def test_sentence_says_that_and_why_nothing_is_known():
    assert OtherSources(reason="there is one source").sentence().endswith("of the training: there is one source.")
    assert OtherSources().sentence().endswith("not recorded.")
