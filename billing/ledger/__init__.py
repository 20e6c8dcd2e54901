"""The books: accounts, balanced entries, postings."""
