"""Signing in with WeChat: official accounts in the browser, and mini-programs."""
