"""
How things look on the wire: types and the order of fields, no rules.

The classes do without slots, because those have no order of their own and the
fields of an object are shown in the order of its class.
"""
