"""What may be left of the loudspeaker: an absolute limit, and no less than the room has by itself."""

from __future__ import annotations

import numpy as np
import pytest
from echo_lab import pcm

from firmware_py.echo_trust import EchoTrust
from firmware_py.events import FRAME_SAMPLES, Pcm16


def frames(level_db: float, count: int, seed: int = 1) -> list[Pcm16]:
    sound = np.random.default_rng(seed).normal(0, 32768 * 10 ** (level_db / 20), count * FRAME_SAMPLES)
    return list(pcm(sound).reshape(-1, FRAME_SAMPLES))


def play(trust: EchoTrust, left_db: float, count: int = 300, *, in_speech: bool = False) -> None:
    """An answer of which ``left_db`` is left."""
    for far, near, clean in zip(
        frames(-20, count), frames(left_db + 6, count, 2), frames(left_db, count, 3), strict=True
    ):
        trust.saw(near, near, clean, far, in_speech=in_speech)


def rest(trust: EchoTrust, level_db: float, count: int = 200, *, in_speech: bool = False) -> None:
    for _ in range(count):
        trust.rests(level_db, in_speech=in_speech)


@pytest.mark.parametrize(
    ("room_db", "left_db", "is_trusted"),
    [
        (-72.0, -50.0, True),
        (-72.0, -40.0, False),
        (-40.0, -41.0, True),  # a kitchen at work: there is no more left than it makes itself
        (-40.0, -34.0, False),
        (-20.0, -25.0, False),  # so loud that nothing can be told apart
    ],
)
def test_what_is_left_is_held_against_the_room(room_db: float, left_db: float, is_trusted: bool) -> None:
    trust = EchoTrust()
    rest(trust, room_db)
    play(trust, left_db)
    assert trust.is_trusted is is_trusted, (trust.residual_db, trust.limit_db)


@pytest.mark.parametrize(("added_db", "is_trusted"), [(-83.0, True), (-52.0, False)])
def test_a_microphone_that_hears_nothing_is_no_loud_loudspeaker(added_db: float, is_trusted: bool) -> None:
    """The canceller's own noise is 20 dB louder than such a microphone; loud, it takes out what is not there."""
    trust = EchoTrust()
    rest(trust, -72.0)
    for far, near, clean in zip(
        frames(-20, 300), frames(added_db, 300, 2), frames(max(added_db + 5, -62), 300, 3), strict=True
    ):
        trust.saw(near, near, clean, far, in_speech=False)
    assert trust.is_trusted is is_trusted and trust.residual_db < trust.limit_db and trust.erle_db < -2


def test_who_speaks_does_not_make_the_room_loud() -> None:
    trust = EchoTrust()
    rest(trust, -72.0)
    rest(trust, -30.0, 40)  # not known for speech yet
    rest(trust, -30.0, 2000, in_speech=True)
    rest(trust, -72.0, 51)
    play(trust, -40.0)
    assert not trust.is_trusted and trust.room_db == -72.0


def test_a_room_that_becomes_quiet_again_lowers_the_limit() -> None:
    trust = EchoTrust()
    rest(trust, -40.0)
    play(trust, -41.0)
    assert trust.is_trusted
    rest(trust, -72.0, 1100)
    play(trust, -41.0)
    assert not trust.is_trusted and trust.limit_db == -45.0
