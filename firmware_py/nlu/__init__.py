"""Understanding: a sentence to an intent and its slots, through hassil's sentence templates."""
