"""Webhooks in the manner of Standard Webhooks (standardwebhooks.com): id, timestamp, HMAC-SHA256 over all three."""
