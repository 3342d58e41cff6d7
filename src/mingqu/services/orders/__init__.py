"""An order's life with its channel: announced, sent, chased, heard, settled, given back."""
