"""Postings that are no loan's alone: between cells, gathered from many callers, holds that lapse."""
