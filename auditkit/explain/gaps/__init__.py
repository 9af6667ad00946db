"""Why is there a gap between groups? Split onto columns, exactly."""
