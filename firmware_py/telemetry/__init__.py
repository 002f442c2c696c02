"""What the service measures of itself: latencies, rates, the machine, alerts, metrics for Prometheus, the journal."""
