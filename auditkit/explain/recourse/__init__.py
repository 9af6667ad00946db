"""Who can turn a refusal, and at what cost?"""
