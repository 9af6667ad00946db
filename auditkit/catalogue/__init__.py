"""Every metric and check as data: words, formulas, oracles. Read it through `index`."""
