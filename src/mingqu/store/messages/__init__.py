"""Messages and webhooks: codes, quotas, rounds."""
