"""Responses: an intent to what is said and done."""
