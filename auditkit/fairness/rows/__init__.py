"""Single rows: are like rows decided alike, do decisions go with a number, what gives an attribute away?"""
