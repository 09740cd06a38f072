"""Which rows of a data set stand in another as they are, so that what is known of them need not be found again.

same = unchanged(before, after)                                  # for each row of `after`
carried(scan(before), scan(after.filter(~same)), after, same)    # what scan(after) says
"""

import polars as pl


def unchanged(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """For each row of `after` whether `before` holds it under the same id, with the same turns and the same `extra`."""
    if before["id"].is_duplicated().any():
        return pl.repeat(False, after.height, dtype=pl.Boolean, eager=True)
    was = before.select("id", pl.lit(True).alias("there"), turns_before="turns", extra_before="extra")
    both = after.select("id", "turns", "extra").join(was, on="id", how="left", maintain_order="left")
    same = (both["turns"].eq_missing(both["turns_before"])) & (both["extra"].eq_missing(both["extra_before"]))
    return same & both["there"].fill_null(False)


def carried(known: pl.DataFrame, fresh: pl.DataFrame, after: pl.DataFrame, same: pl.Series) -> pl.DataFrame:
    """A table of lines by `row_id` for the rows of `after`, in their order: known lines of unchanged rows, fresh ones of others.

    `known` holds the lines of the rows before, `fresh` those of the rows of `after` that are not the same.
    """
    stays = known.filter(pl.col("row_id").is_in(after["id"].filter(same).to_list()))
    place = after.select("id", pl.int_range(pl.len()).alias("place"))
    lines = pl.concat([stays, fresh]).join(place, left_on="row_id", right_on="id", how="left", maintain_order="left")
    return lines.sort("place", maintain_order=True).drop("place")
