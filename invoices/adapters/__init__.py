"""The outside world of documents: a page, a PDF, a mail."""
