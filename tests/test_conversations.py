"""The scripted conversations of ``tests/conversations``, on text."""

from __future__ import annotations

from pathlib import Path

import pytest
from conversation_lab import Conversation, conversations, perform

from firmware_py.nlu.hassil import HassilUnderstanding

ALL = conversations()


@pytest.fixture(scope="module")
def understanding() -> HassilUnderstanding:
    return HassilUnderstanding()


@pytest.mark.parametrize("conversation", ALL, ids=str)
def test_a_conversation(conversation: Conversation, understanding: HassilUnderstanding, tmp_path: Path) -> None:
    perform(conversation, tmp_path, understanding)


def test_no_two_conversations_are_called_the_same() -> None:
    assert len({str(c) for c in ALL}) == len(ALL)
