"""A catalogue as a file: read, compared with what is sold, written."""
