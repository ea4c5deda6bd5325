"""
The migrations of the schema. A released migration is never changed.

In each, `oldest` is the oldest revision whose programs can still use the schema after the
migration. A migration that breaks the previous version also writes that revision to
`schema_compatibility`.
"""
