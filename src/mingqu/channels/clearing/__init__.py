"""A bank behind clearing-style messages, named after the central bank's second-generation payment system."""
