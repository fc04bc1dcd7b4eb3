"""Cases: the tests that a bundle carries, run on the bundle, with what differs."""
