"""One file per verb that crosses folders."""
