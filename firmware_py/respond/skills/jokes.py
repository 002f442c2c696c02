"""A joke, never the same twice in a row."""

from __future__ import annotations

from firmware_py.respond.request import Answer, Handler, Request

ABILITY = "tell a joke"
ABILITY_ORDER = 45

JOKES = (
    "I would tell you a joke about silence, but it works best when I say nothing.",
    "What does a clock do when it is hungry? It goes back four seconds.",
    "Why did the scarecrow win a prize? It was outstanding in its field.",
    "I asked the dishwasher how it was. It said: drained.",
    "What do you call a bear without teeth? A gummy bear.",
    "Why do bees have sticky hair? They use honeycombs.",
    "Parallel lines have so much in common. It is a shame that they will never meet.",
    "What did the ocean say to the beach? Nothing. It just waved.",
    "Why was the broom late? It swept in.",
    "There are ten kinds of people: those who read binary, and those who do not.",
    "How does the moon cut its hair? Eclipse it.",
    "I have a joke about a timer, but you will have to wait for it.",
    "What is brown and sticky? A stick.",
    "Why can't you trust stairs? They are always up to something.",
    "What do you call cheese that is not yours? Nacho cheese.",
    "A byte walks into a bar and looks unwell. Parity error, it says. I thought you looked a bit off, says the barman.",
)


def joke(request: Request) -> Answer:
    """Not the one that was told last."""
    return Answer(request.rng.choice([j for j in JOKES if j != request.last_reply]))


HANDLERS: dict[str, Handler] = {"joke": joke}
