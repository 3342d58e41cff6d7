"""An order of a merchant, opened by the merchant and taken in instalments by a person."""
