"""What we look for: one module a rule, one function a module.

A check sees code and yields notes, and knows nothing else.
"""
