"""Intent to reply: skills and the response cache."""
