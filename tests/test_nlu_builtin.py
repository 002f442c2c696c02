"""The built-in English intents: what people say, and what must not be taken for it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from firmware_py.nlu.engine import Engine
from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.hassil import BUILT_IN, HassilUnderstanding

SAID: dict[str, str] = {
    "time": """
        What time is it?
        what's the time
        What is the time right now?
        Can you tell me the time?
        Could you tell me what time it is, please?
        tell me the time
        Do you know what time it is?
        do you have the time
        What time is it now?
        Hey Jarvis, what time is it?
        hey mycroft what's the time please
        Okay Nabu, what time is it right now?
        time please
        the time
        What's the current time?
        please tell me the time
        Have you got the time?
        WHAT TIME IS IT
        what’s the time?
    """,
    "date": """
        What's the date?
        What is today's date?
        what is the date today
        Tell me today's date.
        What date is it today?
        Do you know what the date is
        today's date
        Can you tell me the date, please?
        what day of the month is it
        What month is it?
        What year is it?
        Give me the date.
    """,
    "day_of_week": """
        What day is it?
        What day is it today?
        what day of the week is it
        Which day is today?
        What day is today
        Tell me what day it is.
        What weekday is it?
        what's today
        Could you tell me what day of the week it is?
    """,
    "volume_up": """
        Volume up.
        Turn it up.
        turn up the volume
        Turn the volume up a bit
        Louder!
        louder please
        Make it louder.
        Increase the volume
        raise the volume a little
        Could you turn up the sound, please?
        Speak up.
        I can't hear you.
        speak a little louder
        Turn it up a notch
        It's too quiet
        crank up the volume
    """,
    "volume_down": """
        Volume down.
        Turn it down.
        turn down the volume
        Turn the volume down a little bit.
        Quieter, please.
        make it quieter
        Lower the volume
        Decrease the volume.
        reduce the volume a bit
        You're too loud!
        Can you speak more quietly?
        not so loud
        Turn that down
        that's too loud
    """,
    "volume_mute": """
        Mute.
        mute yourself
        Mute the sound
        turn off the sound
        Turn the volume off
        sound off
        Could you mute it?
    """,
    "volume_unmute": """
        Unmute.
        un-mute
        Turn the sound back on.
        turn on the sound
        sound on
        Unmute yourself, please
    """,
    "repeat": """
        Repeat that.
        Say that again.
        Could you repeat that, please?
        say it again
        What did you say?
        what was that
        Pardon?
        Come again?
        Sorry, what did you say?
        One more time.
        once more
        I didn't catch that.
        Repeat what you said.
        Please repeat your last answer
        Can you say that again?
    """,
    "cancel": """
        Stop.
        Cancel.
        Never mind.
        nevermind
        Stop it!
        stop talking
        Cancel that.
        Forget it.
        forget about it
        Be quiet!
        Shut up.
        quiet
        That's enough.
        Okay, stop.
        stop, please
        Silence!
    """,
    "help": """
        Help.
        What can you do?
        what can you do for me
        What can I say?
        What can I ask you?
        help me
        I need help
        What are your skills?
        What commands do you know?
        tell me what you can do
        What do you understand?
        how can you help me
    """,
    "coin": """
        Flip a coin.
        Toss a coin
        flip a coin for me
        Heads or tails?
        heads or tails
        Could you flip a coin, please?
        throw a coin
    """,
}

SLOTS: list[tuple[str, str, dict[str, object]]] = [
    ("Set the volume to 50 percent.", "volume_set", {"percent": 50}),
    ("set volume to fifty percent", "volume_set", {"percent": 50}),
    ("Set the volume to 50%", "volume_set", {"percent": 50}),
    ("Volume 30", "volume_set", {"percent": 30}),
    ("volume at twenty-five percent", "volume_set", {"percent": 25}),
    ("Turn the volume up to 80%.", "volume_set", {"percent": 80}),
    ("turn the volume down to ten", "volume_set", {"percent": 10}),
    ("Set the volume to maximum.", "volume_set", {"percent": 100}),
    ("full volume", "volume_set", {"percent": 100}),
    ("set the sound to half", "volume_set", {"percent": 50}),
    ("Change the volume to one hundred percent", "volume_set", {"percent": 100}),
    ("volume zero", "volume_set", {"percent": 0}),
    ("How hot are you?", "board_status", {"aspect": "temperature"}),
    ("What's your temperature?", "board_status", {"aspect": "temperature"}),
    ("what is the CPU temperature", "board_status", {"aspect": "temperature"}),
    ("Are you overheating?", "board_status", {"aspect": "temperature"}),
    ("How long have you been running?", "board_status", {"aspect": "uptime"}),
    ("What is your uptime?", "board_status", {"aspect": "uptime"}),
    ("how long has the system been up", "board_status", {"aspect": "uptime"}),
    ("What's your IP address?", "board_status", {"aspect": "address"}),
    ("what is your i.p. address", "board_status", {"aspect": "address"}),
    ("tell me your network address", "board_status", {"aspect": "address"}),
    ("How much disk space is left?", "board_status", {"aspect": "disk"}),
    ("How full is the disk?", "board_status", {"aspect": "disk"}),
    ("how much free space do you have left", "board_status", {"aspect": "disk"}),
    ("Status report.", "board_status", {"aspect": "all"}),
    ("how is the board doing", "board_status", {"aspect": "all"}),
    ("Is everything okay?", "board_status", {"aspect": "all"}),
    ("What is twelve times seven?", "calculate", {"expression": "12 * 7"}),
    ("what's 12 x 7", "calculate", {"expression": "12 * 7"}),
    ("What is 25 percent of 80?", "calculate", {"expression": "25% of 80"}),
    ("25% of 80", "calculate", {"expression": "25% of 80"}),
    ("square root of 81", "calculate", {"expression": "sqrt(81)"}),
    ("what is the square root of eighty one", "calculate", {"expression": "sqrt(81)"}),
    ("How much is 3.5 plus 4.25?", "calculate", {"expression": "3.5 + 4.25"}),
    ("What's minus five plus three?", "calculate", {"expression": "-5 + 3"}),
    ("what is ten minus 12", "calculate", {"expression": "10 - 12"}),
    ("calculate 144 divided by 12", "calculate", {"expression": "144 / 12"}),
    ("What is 5 divided by zero?", "calculate", {"expression": "5 / 0"}),
    ("2+2", "calculate", {"expression": "2 + 2"}),
    ("10 - 3", "calculate", {"expression": "10 - 3"}),
    ("What's two to the power of ten?", "calculate", {"expression": "2 ^ 10"}),
    ("seven squared", "calculate", {"expression": "7 ^ 2"}),
    ("what is one hundred and five times two", "calculate", {"expression": "105 * 2"}),
    ("What is half of ninety?", "calculate", {"expression": "1 / 2 * 90"}),
    ("what's the sum of 3 and 4", "calculate", {"expression": "(3 + 4)"}),
    ("two plus three times four minus one", "calculate", {"expression": "2 + 3 * 4 - 1"}),
    ("What is 1,000 times 1,000?", "calculate", {"expression": "1000 * 1000"}),
    ("how much does seven times eight make", "calculate", {"expression": "7 * 8"}),
    ("Can you tell me what 15 times 3 is?", "calculate", {"expression": "15 * 3"}),
    ("Roll a die.", "dice", {}),
    ("roll the dice", "dice", {}),
    ("Roll two dice.", "dice", {"count": 2}),
    ("roll 3 dice please", "dice", {"count": 3}),
    ("Roll a d20.", "dice", {"sides": 20}),
    ("roll a twenty-sided die", "dice", {"sides": 20}),
    ("roll two twelve-sided dice", "dice", {"count": 2, "sides": 12}),
    ("throw 2 dice with 8 sides", "dice", {"count": 2, "sides": 8}),
    ("Roll me a dice", "dice", {}),
]

SLOTS += [
    ("Set a timer for ten minutes.", "timer_start", {"minutes": 10}),
    ("Set a ten-minute timer", "timer_start", {"minutes": 10}),
    ("start a pasta timer for 8 minutes", "timer_start", {"minutes": 8, "name": "pasta"}),
    ("Set a timer for one hour and 20 minutes, please.", "timer_start", {"hours": 1, "minutes": 20}),
    ("set a timer for half an hour for the laundry", "timer_start", {"hours": 0.5, "name": "laundry"}),
    ("How much time is left on the pasta timer?", "timer_left", {"name": "pasta"}),
    ("When will the timer go off?", "timer_left", {}),
    ("Add five minutes to the egg timer", "timer_add", {"minutes": 5, "name": "egg"}),
    ("Pause the timer.", "timer_pause", {}),
    ("Resume the timer", "timer_resume", {}),
    ("Cancel all my timers", "timer_cancel", {"all": True}),
    ("Wake me up at seven tomorrow.", "alarm_set", {"hour": 7, "day": "tomorrow"}),
    ("Set an alarm for 6:30 AM on weekdays", "alarm_set", {"hour": 6, "minute": 30, "half": "am", "every": "weekdays"}),
    ("Set an alarm for quarter to eight", "alarm_set", {"minutes_to": 15, "hour": 8}),
    ("What alarms are set?", "alarm_list", {}),
    ("cancel my 7 o'clock alarm", "alarm_cancel", {"hour": 7}),
    ("Snooze.", "alarm_snooze", {}),
    ("Remind me to call mom at five.", "reminder_set", {"text": "call mom", "hour": 5}),
    ("In ten minutes, remind me to turn off the oven", "reminder_set", {"minutes": 10, "text": "turn off the oven"}),
    (
        "Remind me every Monday at nine to take out the bins",
        "reminder_set",
        {"every": "monday", "hour": 9, "text": "take out the bins"},
    ),
    ("What are my reminders?", "reminder_list", {}),
    ("Add milk and eggs to the shopping list", "list_add", {"items": "milk and eggs", "list": "shopping"}),
    ("put a drill on my hardware list", "list_add", {"items": "a drill", "list": "hardware"}),
    ("What's on the shopping list?", "list_read", {"list": "shopping"}),
    ("Take milk off the list", "list_remove", {"items": "milk"}),
    ("Clear the shopping list.", "list_clear", {"list": "shopping"}),
    ("How many ounces are in a pound?", "convert", {"target": "ounce", "unit": "pound"}),
    (
        "What's 350 degrees Fahrenheit in Celsius?",
        "convert",
        {"amount": 350, "unit": "fahrenheit", "target": "celsius"},
    ),
    ("convert 5 miles to km", "convert", {"amount": 5, "unit": "mile", "target": "kilometer"}),
    ("How many days until Christmas?", "date", {"until": "days", "holiday": "christmas"}),
    ("What day is the 24th of December?", "day_of_week", {"nth": 24, "month": 12}),
    ("What's the date tomorrow?", "date", {"day": "tomorrow"}),
    ("Set the clock to 7:30 PM", "time", {"set": True, "hour": 7, "minute": 30, "half": "pm"}),
    ("Tell me a joke.", "joke", {}),
]

OTHER = (Path(__file__).parent.parent / "bench" / "data" / "other_speech.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def understanding() -> HassilUnderstanding:
    return HassilUnderstanding()


@pytest.mark.parametrize(
    ("intent", "sentence"),
    [(intent, line.strip()) for intent, lines in SAID.items() for line in lines.splitlines() if line.strip()],
)
def test_what_people_say(understanding: HassilUnderstanding, intent: str, sentence: str) -> None:
    understood = understanding.understand(sentence)
    assert (understood.intent, understood.score, understood.text) == (intent, 1.0, sentence)


@pytest.mark.parametrize(("sentence", "intent", "slots"), SLOTS)
def test_slots(understanding: HassilUnderstanding, sentence: str, intent: str, slots: dict[str, object]) -> None:
    understood = understanding.understand(sentence)
    assert (understood.intent, dict(understood.slots), understood.score) == (intent, slots, 1.0)


def test_the_names_are_those_of_the_contract(understanding: HassilUnderstanding) -> None:
    plain = {"time", "date", "day_of_week", "repeat", "cancel", "help", "board_status", "calculate", "coin", "dice"}
    families = ("volume_", "timer_", "alarm_", "reminder_", "list_")
    assert plain <= set(understanding.intents)
    assert all(i in plain | {"convert", "joke"} or i.startswith(families) for i in understanding.intents)


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "\n\t", "♪♪"])
def test_nothing_said_is_nothing_understood(understanding: HassilUnderstanding, text: str) -> None:
    understood = understanding.understand(text)
    assert (understood.text, understood.intent, dict(understood.slots), understood.score) == (text, None, {}, 0.0)


def test_other_speech_matches_no_template_and_hardly_a_repair(understanding: HassilUnderstanding) -> None:
    sentences = [line for line in OTHER if line and not line.startswith("#")]
    accepted = [(u.text, u.intent, u.score) for s in sentences if (u := understanding.understand(s)).intent]
    assert len(sentences) >= 300
    assert [a for a in accepted if a[2] == 1.0] == []
    assert len(accepted) <= 0.01 * len(sentences), accepted


@pytest.mark.parametrize(
    ("heard", "intent"),
    [
        ("What time is id?", "time"),
        ("What time this it?", "time"),
        ("Wot time is it", "time"),
        ("Turn up the volum.", "volume_up"),
        ("Turn the valium down.", "volume_down"),
        ("What day is it to day?", "day_of_week"),
        ("Flippa coin", "coin"),
        ("Rolled the dice.", "dice"),
        ("Repeat hat.", "repeat"),
        ("What's your I.P. a dress?", "board_status"),
        ("Nevermined.", "cancel"),
    ],
)
def test_misheard_commands_are_repaired(understanding: HassilUnderstanding, heard: str, intent: str) -> None:
    understood = understanding.understand(heard)
    assert understood.intent == intent
    assert understanding.repair_threshold <= understood.score < 1.0


def walk(graph: Graph, engine: Engine, rng: random.Random) -> str:
    """A random sentence of a template."""
    said: list[str] = []
    state = 0
    while arcs := graph.arcs[state]:
        if state in graph.final and rng.random() < 0.5:
            break
        label, state = rng.choice(arcs)
        said.append(label if isinstance(label, str) else " ".join(value_of(label, engine, rng)))
    return " ".join(said)


def value_of(slot: Slot, engine: Engine, rng: random.Random) -> Sequence[str]:
    source = slot.source
    if source.numbers:
        return [str(rng.randint(source.numbers.first, source.numbers.last))]
    if source.values:
        return rng.choice(engine.values.said[id(source)])[0]
    return [{"arithmetic": "12 times 7", "number": "20", "fraction": "2.5", None: "bananas"}[source.reads]]


@pytest.mark.parametrize("file", sorted((BUILT_IN / "en").glob("*.yaml")), ids=lambda f: f.stem)
def test_no_intent_takes_a_sentence_of_another(understanding: HassilUnderstanding, file: Path) -> None:
    (engine,) = understanding.engines
    graphs = [g for g in engine.graphs if g.block.where.path == file]
    rng = random.Random(1)
    for graph in graphs:
        for _ in range(1500 // len(graphs) + 1):
            said = walk(graph, engine, rng)
            assert understanding.understand(said).intent == graph.block.intent, f"{said} ({graph.template.text})"


def test_a_threshold_of_one_repairs_nothing() -> None:
    understood = HassilUnderstanding(repair_threshold=1.0).understand("Turn up the volum.")
    assert (understood.intent, understood.score) == (None, 0.0)


def test_a_text_that_nobody_says_is_not_looked_at(understanding: HassilUnderstanding) -> None:
    assert understanding.understand("what time is it " * 600_000).intent is None
