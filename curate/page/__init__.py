"""The audit as a page to look through: where rows lie, what a pointer shows of them, and the libraries that draw it."""
