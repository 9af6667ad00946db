"""Does the direction that tells a concept move the scores?"""
