"""
Response bodies of the API: field types and their order, without validation rules.

The order of the fields in a class is their order in the JSON. Classes with slots would lose this
order.
"""
