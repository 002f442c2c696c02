"""Language models: an OpenAI-compatible endpoint, and one inside a worker (experimental)."""
