"""What the use cases need of the world outside, said as protocols; `channels` implement them."""
