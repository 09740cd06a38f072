"""What the rows are about, how much they differ, what they lack, and which of them to keep under a budget."""
