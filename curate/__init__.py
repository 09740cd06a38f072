"""Curate: rows in, rows and reasons out.

    from curate import files, pipeline

    chats = files.read("support.jsonl").chats

Importing this package loads neither torch nor transformers: heavy libraries are imported inside the
functions that need them, so that `winnow --help` answers at once.
"""
