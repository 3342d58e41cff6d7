"""People sent to the bank of their own card (信用卡取现); the bank does the rest."""
