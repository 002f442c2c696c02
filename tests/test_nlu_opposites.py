"""Words that a repair must not smooth over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.nlu.opposites import contradict


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("kill the alarm on monday", "set an alarm on monday"),
        ("stop the alarm at seven", "an alarm at seven"),
        ("yes and set a timer for five minutes", "end the timer for five minutes"),
        ("clear the wake up call", "create a wake up call"),
        ("make a list", "delete the list"),
        ("turn the water off", "turn the water on"),
        ("deactivate the alarm", "activate the alarm"),
        ("activate the alarm", "deactivate the alarm"),
        ("dis engage the lock", "engage the lock"),
        ("reset the counter", "set the counter"),
        ("set it to minus ten", "set it to ten"),
        ("drain the bath", "fill the bath"),
        ("restart the timer", "start the timer"),
        ("twenty five and a half minutes", "five and a half minutes"),
        ("a timer for two three minutes", "a timer to three minutes"),
        ("one point five hours", "five hours"),
        ("five or ten minutes", "five hours ten minutes"),
        ("a few minutes", "half a minute"),
        ("a pound and a half", "a pound have"),
        ("an alarm for seven and eight", "an alarm for seven on the eight"),
        ("an alarm for friday the thirteenth", "an alarm for the thirteenth"),
        ("a timer for five minutes and another", "a timer for five minutes and a half"),
        ("turn the volume up and the timer", "turn the volume to the minimum"),
        ("friday the thirteenth at eight", "friday ten to eight"),
        ("an alarm at seven for work", "an alarm at seven every four weeks"),
        ("an alarm for seven weekday", "an alarm for seven weekly"),
        ("an alarm for seven this week", "an alarm for seven this weekend"),
        ("an alarm at seven on weekends", "an alarm at seven on this weekend"),
        ("postpone my alarm ten minutes", "set my alarm ten minutes"),
        ("move the alarm to seven", "remove the alarm at seven"),
        ("louder by ten", "lower by ten"),
        ("make it earlier", "make it quieter"),
        ("what is it", "what day is it"),
        ("an hour and ten minutes", "and ten minutes"),
        ("a timer for two minutes and thirty", "a timer for two minutes named thirty"),
    ],
)
def test_an_order_that_would_be_turned_round_is_a_contradiction(heard: str, said: str) -> None:
    assert contradict(heard.split(), said.split())


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("counsel the timer", "cancel the timer"),
        ("sat a timer for five minutes", "set a timer for five minutes"),
        ("start a timer off five minutes", "set a timer of five minutes"),
        ("stop the alarm at seven", "cancel the alarm at seven"),
        ("remove the timer", "delete the timer"),
        ("mind me to call", "remind me to call"),
        ("add bread end butter", "add bread and butter"),
        ("a timer four five minutes", "a timer for five minutes"),
        ("a timer or five minutes", "a timer for five minutes"),
        ("an alarm for seventh am", "an alarm for seven am"),
        ("remind me avery monday", "remind me every monday"),
        ("an alarm for seven weakly", "an alarm for seven weekly"),
        ("an alarm for seven this weak end", "an alarm for seven this weekend"),
        ("a timer for two minutes name thirty", "a timer for two minutes named thirty"),
        ("a timer for two minutes cold pasta", "a timer for two minutes called pasta"),
    ],
)
def test_a_mishearing_is_none(heard: str, said: str) -> None:
    assert not contradict(heard.split(), said.split())


WORDS = "set cancel un de stop start pause off end remind plug unplug minus a timer"


@given(st.lists(st.sampled_from(sorted(WORDS.split()))))
def test_a_sentence_never_contradicts_itself(words: list[str]) -> None:
    assert not contradict(words, words)
