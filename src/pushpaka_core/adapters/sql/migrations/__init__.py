"""
The migrations of the schema, in their order; each is kept as it was when it was released.

`oldest` in each is the oldest schema that a program may know and still use what the migration
leaves. One with which the version before cannot live also puts it into `schema_compatibility`.
"""
