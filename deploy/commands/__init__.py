"""One file per command; `deploy.cli` imports the one that is called."""
