"""What the user's own commands do: GPIO lines, HTTP, MQTT, serial lines, programs. One kind a file."""
