"""What a user asks of a session at length: where a number comes from, where it goes, what a change did."""
