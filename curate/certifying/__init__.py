"""The form of a certificate, and its second derivation from the files: the rooms behind `curate.verification`."""
