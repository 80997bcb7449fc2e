"""What there is to be, said in a file: read, compared with what there is, and brought about step by step."""
