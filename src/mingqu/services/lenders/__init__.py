"""Lenders that decide by themselves: asked, heard, signed with."""
