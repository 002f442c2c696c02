"""Text to speech: spoken text, voices, speech cache."""
