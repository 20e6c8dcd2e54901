"""The gateway's book beside ours: reports, daily questions, and the differences between the two."""
