"""The command line: one table of commands; each imports what it needs when it runs."""
