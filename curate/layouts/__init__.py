"""How rows are laid out in files: the rooms behind `curate.formats` and `curate.files`."""
