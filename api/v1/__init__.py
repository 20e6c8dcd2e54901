"""Resources of version 1, one file each."""
