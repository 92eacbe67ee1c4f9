"""Values and pure functions that every other floor builds on (standard library, numpy and YAML only)."""
