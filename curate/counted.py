"""A count and what was counted, in one breath: "1 row", "2 rows", "1,204 rows".

counted(1, "row has", "rows have")      # '1 row has'
"""


def counted(count: int, one: str, many: str | None = None) -> str:
    """The count with its noun; `many` is the plural, with its verb where there is one, and else `one` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
