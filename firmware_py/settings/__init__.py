"""What stands behind ``config.py``: the schema, the YAML reader, and the words of its errors."""
