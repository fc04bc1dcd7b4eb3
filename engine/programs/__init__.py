"""Rule IR -> what runs: closures (once per request) and NumPy column programs (over candidates)."""
