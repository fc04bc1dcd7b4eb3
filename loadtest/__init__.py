"""Load scenarios with honest latencies: open loop, measured from the intended start."""
