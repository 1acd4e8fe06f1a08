"""What channels are given to deliver, and what the public may see."""
