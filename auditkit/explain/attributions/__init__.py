"""What moves the model's scores, row by row and column by column."""
