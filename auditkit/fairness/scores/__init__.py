"""Do scores rank and mean the same in every group, and what would another threshold buy?"""
