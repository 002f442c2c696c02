"""What was promised for later and what was noted: timers, alarms, reminders and lists, durable over a power cut."""
