"""Events -> features, delta feed, controls, decision log. The edge never waits for it."""
