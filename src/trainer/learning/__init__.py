"""Training: torch and transformers live on this floor only."""
