"""
Builders of valid domain objects.

Each call returns a distinct object; keyword arguments override any field.
"""
