"""How groups of people come up in the rows: who is mentioned, in which tone, beside which work. `curate.bias` measures it."""
