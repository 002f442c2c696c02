"""What the appliance remembers: small facts in SQLite, whole and durable after a kill or a power cut at any moment."""
