"""Does it hold? What happens to decisions when something about the rows is changed."""
