"""What operators see: metrics for Prometheus on a port of their own (``KANTOR_METRICS_ADDRESS``)."""
