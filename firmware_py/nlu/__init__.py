"""Text to intent: templates, repair, context."""
