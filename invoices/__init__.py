"""The legal document: lines, tax, number, page and PDF."""
