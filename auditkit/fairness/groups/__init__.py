"""Are groups treated alike? Rates, classes, errors and control features, group by group."""
