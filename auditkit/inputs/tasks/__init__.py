"""One file a task: how targets are checked, and which columns outputs become."""
