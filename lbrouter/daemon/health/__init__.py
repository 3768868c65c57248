"""The health of the uplinks: its tracker, and the monitors that feed it beside probes."""
